"""Every file under configs/ can be used as it stands and says where it comes from."""

import importlib
import json
import re

import pytest

from tests.conformance.experiments import ROOT, SYSTEMS
from tfvse import data, experiment, systems

CONFIGS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.cfg"))


def header(path):
    """The comment that a config opens with."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line.removeprefix("#").strip() for line in lines[:first])


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_a_smoke_config(system):
    assert f"configs/smoke/{system}.cfg" in CONFIGS


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_of_a_paper_has_a_recipe(system):
    module = importlib.import_module(systems.SYSTEMS[system].split(":")[0])
    if "Numbers to reach" in module.__doc__:
        assert any(path.startswith(f"configs/{system}/") for path in CONFIGS)


@pytest.mark.parametrize("path", CONFIGS)
def test_a_config_parses_and_names_what_exists(path, monkeypatch):
    monkeypatch.chdir(ROOT)  # a flagfile may name another one, relative to the root
    config, _ = experiment.parse_experiment([f"--flagfile={path}", "--run_dir=unused"])
    assert config.data in data.DATASETS
    folder = path.split("/")[1]
    assert folder == "smoke" or folder == config.system


@pytest.mark.parametrize("path", CONFIGS)
def test_a_config_opens_with_its_command_and_what_it_costs(path):
    text = header(path)
    assert f"tools/train.py --flagfile={path}" in text
    assert re.search(r"\b(hours?|h|minutes?|min|seconds?|s)\b", text), (
        "say how long it takes, and on what"
    )
    if not path.startswith("configs/smoke/"):
        assert re.search(r"\b([Tt]able|[Ss]ection|[Cc]hapter|[Ff]igure)\s+\d", text), (
            "name the place in the paper"
        )


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "tables").glob("*.json")), ids=lambda path: path.name
)
def test_a_table_names_configs_that_exist(path):
    table = json.loads(path.read_text())
    for row in table["rows"]:
        assert row.get("flagfile", table["flagfile"]) in CONFIGS
