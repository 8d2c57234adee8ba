"""Which runs a table trains, and that it trains each of them once."""

import json
import pathlib

import pytest

from tests.conformance.experiments import ROOT
from tests.reproduce import making
from tfvse.errors import UserError
from tfvse.reproduce import runs
from tfvse.reproduce.measure import measure
from tfvse.reproduce.runs import Runner


def folder_by_flag(tmp_path, monkeypatch):
    """Gives a run the name of its first flag after the flagfile."""

    def run_folder(runs_dir, argv):
        return tmp_path / argv[1].lstrip("-")

    monkeypatch.setattr(runs, "run_folder", run_folder)


def chosen(argv, *names):
    """The flags in `argv` that begin with one of `names`."""
    return [word for word in argv if word.startswith(names)]


def test_a_setting_at_its_default_does_not_change_the_folder(monkeypatch):
    monkeypatch.chdir(ROOT)

    def folder(*argv):
        return runs.run_folder("runs", ["--flagfile=configs/smoke/rrf_net.cfg", *argv])

    assert (
        folder() == folder("--margin=0.1") == folder("--prepared_dir=x") != folder("--margin=0.2")
    )


def test_an_ensemble_is_evaluated_from_the_runs_of_its_rows(monkeypatch, tmp_path):
    rows = [
        {"name": "both", "ensemble": ["a", "b"]},
        {"name": "a", "train": ["--a"]},
        {"name": "b", "train": ["--b"]},
    ]
    table = making.table(rows, split="val", flagfile="f")
    called = []
    folder_by_flag(tmp_path, monkeypatch)

    def tool(name, *argv):
        called.append((name, chosen(argv, "--run_dir", "--ensemble")))
        (run_dir,) = chosen(argv, "--run_dir")
        folder = pathlib.Path(run_dir.partition("=")[2])
        folder.mkdir(exist_ok=True)
        (folder / "log.jsonl").write_text('{"step": 1, "time": 1}\n{"step": 2, "time": 3}\n')
        if name == "evaluate":
            (report,) = chosen(argv, "--report")
            text = json.dumps({**making.report(1.0), "data_set": "d"})
            (folder / report.partition("=")[2]).write_text(text)

    monkeypatch.setattr(runs, "run_tool", tool)
    found = measure(Runner(table, str(tmp_path)), seeds=2)
    assert found["both"][0]["run_dirs"] == {str(tmp_path / "a"): 2, str(tmp_path / "b"): 2}
    a = tmp_path / "a"
    b = tmp_path / "b"
    assert (
        called.count(("train", [f"--run_dir={a}"]))
        == called.count(("train", [f"--run_dir={b}"]))
        == 1
    )
    assert called[-1] == ("evaluate", [f"--run_dir={a}", f"--ensemble={b}"])


def test_a_report_without_a_metric_of_the_table_says_so(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(making.report(1.0)))
    assert runs.read_report(tmp_path / "report.json", ["error"])["data_set"] == "d"
    with pytest.raises(UserError, match="says nothing of R@1"):
        runs.read_report(tmp_path / "report.json", ["R@1"])


def test_a_damaged_report_is_a_failed_cell(monkeypatch, tmp_path):
    table = making.table([{"name": "a", "train": ["--a"]}], split="val", flagfile="f")
    folder_by_flag(tmp_path, monkeypatch)

    def tool(name, *argv):
        (tmp_path / "a").mkdir(exist_ok=True)
        for report in chosen(argv, "--report"):
            (tmp_path / "a" / report.partition("=")[2]).write_text("{")

    monkeypatch.setattr(runs, "run_tool", tool)
    (sentence,) = measure(Runner(table, str(tmp_path)), 1)["a"]
    assert "not a report" in sentence and "remove it to evaluate the run again" in sentence


def test_a_row_starts_from_the_run_of_another(monkeypatch, tmp_path):
    first = {"name": "first", "train": ["--first"]}
    second = {"name": "second", "start": "first", "train": ["--second"]}
    table = making.table([second, first], flagfile="f")
    trained = []
    folder_by_flag(tmp_path, monkeypatch)

    def tool(name, *argv):
        trained.append(chosen(argv, "--start_from", "--run_dir"))

    monkeypatch.setattr(runs, "run_tool", tool)
    runner = Runner(table, str(tmp_path))
    assert runner.train(table.row("second"), 0) == tmp_path / "second"
    begun, then = (f"--run_dir={tmp_path / name}" for name in ("first", "second"))
    assert trained == [[begun], [f"--start_from={tmp_path / 'first'}", then]]


def test_a_run_that_fails_is_its_last_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    script = "import sys; print('warning\\nerror: no space', file=sys.stderr); sys.exit(2)"
    (tmp_path / "tfvse.py").write_text(script)  # `python -m tfvse` finds it first
    table = making.table([{"name": "a", "train": ["--a"]}], flagfile="f")
    folder_by_flag(tmp_path, monkeypatch)
    with pytest.raises(runs.RunFailed, match="^error: no space$"):
        Runner(table, str(tmp_path)).train(table.row("a"), 0)
    assert measure(Runner(table, str(tmp_path)), 1) == {"a": ["error: no space"]}
