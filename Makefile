# Two commands: `make quickstart` (data → training → report → exported model → answers) and `make test`.
PYTHON ?= python3
VENV ?= .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: quickstart test lint clean

quickstart:
	@start=$$(date +%s); \
	echo "== virtual environment and packages (TensorFlow is large: a minute or two)"; \
	$(PYTHON) -m venv $(VENV) && $(PIP) --editable ".[quickstart]" && \
	$(VENV)/bin/python tools/quickstart.py --started=$$start

test: $(VENV)-test/installed
	$(VENV)-test/bin/python -m pytest --numprocesses=2 $(ARGS)

lint: $(VENV)-test/installed
	$(VENV)-test/bin/ruff check . && $(VENV)-test/bin/ruff format --check .
	PATH=$(VENV)-test/bin:$$PATH lint-imports --no-cache

$(VENV)-test/installed: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)-test
	$(VENV)-test/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-test runs/quickstart data/emoji saved_models/emoji
