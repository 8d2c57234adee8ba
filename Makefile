# `make quickstart` (data → training → report → exported model → answers), `make test`, and their helpers.
PYTHON ?= python3
VENV ?= .venv
# Twice quiet: only errors.
PIP := $(VENV)/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

# Losses, metrics, layers, settings, readers: under 90 seconds.
FAST := tests/losses tests/metrics tests/layers tests/commands/test_front_door.py tests/data/test_records.py \
	tests/data/formats tests/index tests/test_config.py tests/test_errors.py tests/test_files.py \
	tests/test_progress.py tests/test_quiet.py tests/test_reading.py tests/conformance/test_configs.py

.PHONY: quickstart test test-fast lint docs clean

quickstart:
	@start=$$(date +%s); \
	echo "== virtual environment and packages (TensorFlow is large: a minute or two)"; \
	$(PYTHON) -m venv $(VENV) && $(PIP) --editable ".[quickstart]" && \
	$(VENV)/bin/python tools/quickstart.py --started=$$start

test: $(VENV)-test/installed
	$(VENV)-test/bin/python -m pytest --numprocesses=2 --dist=loadfile $(ARGS)

test-fast: $(VENV)-test/installed
	$(VENV)-test/bin/python -m pytest --numprocesses=2 --dist=loadfile $(FAST) $(ARGS)

docs: $(VENV)-docs/installed
	$(PYTHON) tools/undocumented.py
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --strict
	@echo "written: build/site/index.html"

lint: $(VENV)-test/installed
	$(VENV)-test/bin/ruff check . && $(VENV)-test/bin/ruff format --check .
	PATH=$(VENV)-test/bin:$$PATH lint-imports --no-cache
	$(VENV)-test/bin/mypy

$(VENV)-test/installed: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)-test
	$(VENV)-test/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

$(VENV)-docs/installed: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt \
		"mkdocs-material>=9.5,<10" "mkdocstrings-python>=1.10,<3"
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-test $(VENV)-docs build/site runs/quickstart data/emoji saved_models/emoji
