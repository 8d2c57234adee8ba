"""A run's folder is claimed by one process, which sweeps what killed ones left."""

import os
import re

import pytest

from tests.training import tiny
from tfvse import systems
from tfvse.errors import UserError
from tfvse.training.run_folder import claim

CONFIG = tiny.Config(system="line", data="points", steps=1)


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(systems, "load", lambda name: tiny.Line)


def test_leftovers_of_kills_are_swept(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    for name in ("000000010", ".partial.000000020.abcdefgh", ".partial.best.abcdefgh.old"):
        (checkpoints / name).mkdir(parents=True)
    (tmp_path / ".partial.log.jsonl.abcdefgh.jsonl").write_text("half")
    (tmp_path / ".partial.report.json.abcdefgh.json").write_text("an evaluation that runs now")
    claim(CONFIG, tmp_path).close()
    assert sorted(os.listdir(checkpoints)) == ["000000010", "best"]
    assert sorted(os.listdir(tmp_path)) == sorted(
        [".lock", ".partial.report.json.abcdefgh.json", "checkpoints", "flags.cfg"]
    )


@pytest.mark.parametrize("before, after", [("seed=0", "seed=1"), ("--steps=1\n", ""), ("# R", "R")])
def test_changed_settings_are_refused(before, after, tmp_path):
    claim(CONFIG, tmp_path).close()
    path = tmp_path / "flags.cfg"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(UserError, match=f"{re.escape(str(path))}: was changed or damaged"):
        claim(CONFIG, tmp_path)


def test_settings_of_before_there_was_a_checksum_still_load(tmp_path):
    claim(CONFIG, tmp_path).close()
    path = tmp_path / "flags.cfg"
    lines = path.read_text().splitlines()
    lines[0] = f"# The resolved settings of this run; --flagfile={path} replays it."
    path.write_text("\n".join(lines) + "\n")
    claim(CONFIG, tmp_path).close()
    assert path.read_text().startswith("# Resolved settings, sha256 ")


def test_settings_are_compared_as_values_and_not_as_texts(tmp_path):
    claim(CONFIG, tmp_path).close()
    path = tmp_path / "flags.cfg"
    _, *lines = path.read_text().replace("--dropout=0.0", "--dropout=0").splitlines()
    head = f"# The resolved settings of this run; --flagfile={path} replays it."
    path.write_text("\n".join([head, *lines]) + "\n")
    claim(CONFIG, tmp_path).close()
