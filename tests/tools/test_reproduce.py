"""The ledger: what is beside the paper's number, which orderings hold, and that a failed cell is never dropped."""

import csv
import importlib.util
import json
import pathlib
import types

import pytest

from tfvse.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("reproduce", ROOT / "tools" / "reproduce.py")
reproduce = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reproduce)

TABLE = {
    "title": "Table 0",
    "note": "n",
    "metrics": ["error"],
    "order": ["error"],
    "rows": [{"name": "a", "paper": [10.0]}, {"name": "b", "paper": [8.0]}],
}


def report(error):
    about = {
        "run_dirs": {str(error): 60.0},
        "data_set": "d",
        "split": "val",
        "data_checksum": "c" * 64,
    }
    versions = {"versions": {"tensorflow": "2", "keras": "3"}, "hardware": {"cores": 2, "cpu": "x"}}
    return {"metrics": {"error": error}, **about, **versions}


def test_mean_and_deviation_over_seeds():
    # a: (11 + 13) / 2 = 12, deviation √2
    measured = reproduce.cells(TABLE, {"a": [report(11.0), report(13.0)], "b": [report(7.0)]})
    assert measured["a", "error"] == (12.0, pytest.approx(2**0.5), 2, 10.0)


@pytest.mark.parametrize(
    "a, b, word",
    [
        ([12.0, 12.2], [9.0, 9.2], "holds"),
        ([9.0, 9.2], [12.0, 12.2], "reversed"),
        ([9, 11], [9, 10], "not decided"),
        ([12.0], [9.0], "not decided"),
    ],
)
def test_an_ordering_needs_a_difference_above_the_noise(a, b, word):
    measured = reproduce.cells(TABLE, {"a": [report(x) for x in a], "b": [report(x) for x in b]})
    (line,) = reproduce.orderings(TABLE, measured)
    assert line.endswith(f"| {word} |") and "+2.00" in line


def test_a_claim_without_numbers_is_checked_too():
    table = {**TABLE, "rows": [{"name": "a"}, {"name": "b"}], "claims": [["b", "a"]]}
    measured = reproduce.cells(
        table, {"a": [report(9.0), report(9.2)], "b": [report(12.0), report(12.2)]}
    )
    assert reproduce.orderings(table, measured) == [
        "| error | b vs a | above 0 | +3.00 ± 0.20 | holds |"
    ]


def test_one_seed_has_no_noise_to_show():
    measured = reproduce.cells(TABLE, {"a": [report(12.0)], "b": [report(9.0)]})
    assert "| +3.00 | not decided |" in reproduce.orderings(TABLE, measured)[0]


def test_a_failed_cell_is_shown(tmp_path):
    flags = reproduce.Flags(table="0", seeds=1, output=str(tmp_path / "results"))
    text = reproduce.write(flags, TABLE, {"a": [report(11.0)], "b": ["error: no space"]})
    assert (
        "| a | 11.00 (10; +1.0) |\n| b | failed |" in text
        and "- b, seed 0: error: no space" in text
    )
    assert text in (tmp_path / "results.md").read_text()
    first, second = csv.DictReader((tmp_path / "results" / "0.csv").read_text().splitlines())
    assert (first["ours"], first["difference"], first["train_seconds"]) == ("11.0", "1.0", "60.0")
    assert (second["row"], second["ours"], second["hardware"]) == ("b", "failed", "error: no space")


def test_a_setting_at_its_default_does_not_change_the_folder(monkeypatch):
    monkeypatch.chdir(ROOT)

    def folder(*argv):
        return reproduce.run_folder(
            reproduce.Flags(), ["--flagfile=configs/smoke/rrf_net.cfg", *argv]
        )

    assert (
        folder() == folder("--margin=0.1") == folder("--prepared_dir=x") != folder("--margin=0.2")
    )


def test_an_ensemble_is_evaluated_from_the_runs_of_its_rows(monkeypatch, tmp_path):
    called, flags = [], reproduce.Flags(table="0", seeds=2, runs_dir=str(tmp_path))
    table = {
        **TABLE,
        "split": "val",
        "flagfile": "f",
        "rows": [{"name": "both", "ensemble": ["a", "b"]}, *TABLE["rows"]],
    }
    monkeypatch.setattr(reproduce, "run_folder", lambda flags, argv: tmp_path / argv[1].lstrip("-"))
    for row in table["rows"][1:]:
        row["train"] = [f"--{row['name']}"]

    def tool(name, *argv):
        called.append((name, [a for a in argv if a.startswith(("--run_dir", "--ensemble"))]))
        folder = pathlib.Path(next(a for a in argv if a.startswith("--run_dir")).partition("=")[2])
        folder.mkdir(exist_ok=True)
        (folder / "log.jsonl").write_text('{"step": 1, "time": 1}\n{"step": 2, "time": 3}\n')
        if name == "evaluate":
            report_name = next(a for a in argv if a.startswith("--report")).partition("=")[2]
            (folder / report_name).write_text(json.dumps({**report(1.0), "data_set": "d"}))
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(reproduce, "_tool", tool)
    found = reproduce.measure(flags, table)
    assert found["both"][0]["run_dirs"] == {str(tmp_path / "a"): 2, str(tmp_path / "b"): 2}
    a, b = tmp_path / "a", tmp_path / "b"
    assert (
        called.count(("train", [f"--run_dir={a}"]))
        == called.count(("train", [f"--run_dir={b}"]))
        == 1
    )
    assert called[-1] == ("evaluate", [f"--run_dir={a}", f"--ensemble={b}"])


def test_a_report_without_a_metric_of_the_table_says_so(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(report(1.0)))
    assert reproduce._read_report(tmp_path / "report.json", ["error"])["data_set"] == "d"
    with pytest.raises(UserError, match="says nothing of R@1"):
        reproduce._read_report(tmp_path / "report.json", ["R@1"])


def test_a_row_starts_from_the_run_of_another(monkeypatch, tmp_path):
    first, second = (
        {"name": "first", "train": ["--first"]},
        {"name": "second", "start": "first", "train": ["--second"]},
    )
    table, trained = {**TABLE, "flagfile": "f", "rows": [second, first]}, []
    monkeypatch.setattr(reproduce, "run_folder", lambda flags, argv: tmp_path / argv[1].lstrip("-"))

    def tool(name, *argv):
        trained.append([a for a in argv if a.startswith(("--start_from", "--run_dir"))])
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(reproduce, "_tool", tool)
    assert reproduce._trained(reproduce.Flags(), table, second, 0) == (tmp_path / "second", None)
    begun, then = (f"--run_dir={tmp_path / name}" for name in ("first", "second"))
    assert trained == [[begun], [f"--start_from={tmp_path / 'first'}", then]]


def test_small_numbers_have_the_decimals_that_a_table_asks_for():
    assert reproduce._cell((0.70107, 0.0, 1, 0.78), 3) == "0.701 (0.78; -0.08)"


def test_an_unknown_table_is_one_sentence(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=r"--table=6.22: there are .*did you mean 6.2\?"):
        reproduce.read_table("6.22")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "tables").glob("*.json")), ids=lambda path: path.stem
)
def test_every_row_of_every_table_is_a_config(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    table = json.loads(path.read_text())
    for row in table["rows"]:
        argv = [
            f"--flagfile={row.get('flagfile', table['flagfile'])}",
            *row.get("train", []),
            *row.get("evaluate", []),
        ]
        reproduce.experiment.parse_experiment([*argv, "--run_dir=unused"])
        assert set(row.get("ensemble", [])) <= {
            other["name"] for other in table["rows"] if "ensemble" not in other
        }
        assert row.get("start", row["name"]) in {other["name"] for other in table["rows"]}
        assert len(row.get("paper") or table["metrics"]) == len(table["metrics"])
