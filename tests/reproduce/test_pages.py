"""The committed results pages are those that the committed CSV files give."""

import pathlib

import pytest

from tests.conformance.experiments import ROOT
from tests.reproduce import making
from tfvse.reproduce import command, measurements, pages, summary, tables

RESULTS = pathlib.Path("docs/results")
MADE_AGAIN = "run `tfvse reproduce --render` and commit what it writes"


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_every_page_is_what_the_csv_files_give():
    made = pages.make(RESULTS)
    there = {*RESULTS.glob("*.md"), RESULTS.with_suffix(".md")}
    assert there == made.keys(), MADE_AGAIN
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: {MADE_AGAIN}"


def test_the_summary_in_the_readme_is_what_the_csv_files_give():
    text = pathlib.Path("README.md").read_text(encoding="utf-8")
    assert pages.embed(text, RESULTS) == text, MADE_AGAIN


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.csv")), ids=lambda path: path.stem)
def test_a_csv_file_holds_its_table_whole(path, tmp_path):
    table = tables.read(path.stem)
    lines = measurements.read(path)
    measurements.write(tmp_path / path.name, lines)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    expected = [
        (row.name, metric, seed, paper)
        for row in table.rows
        for seed in range(measurements.seeds(lines))
        for metric, paper in zip(table.metrics, row.paper, strict=True)
    ]
    assert [(line.row, line.metric, line.seed, line.paper) for line in lines] == expected


def test_the_summary_stands_between_the_markers():
    text = "before\n<!-- results -->\nwhat was there\n<!-- /results -->\nafter\n"
    new = pages.embed(text, RESULTS)
    assert new.startswith("before\n<!-- results -->\n| claim of the paper |")
    assert new.endswith("\n<!-- /results -->\nafter\n") and "what was there" not in new
    assert "](docs/results/6.2.md)" in new
    assert pages.embed(new, RESULTS) == new


def test_a_claim_about_errors_holds_where_ours_are_lower():
    table = making.table()
    claim = summary.Claim("0", "b is better", "error", "b", "a", lower_is_better=True)
    lines = making.lines(table, a=[12.0, 12.2], b=[9.0, 9.2])
    text = summary.markdown([claim], {"0": (table, lines)})
    row = "| b is better | error | 8, 10 | 9.10 ± 0.14, 12.10 ± 0.14 | holds | [0](0.md) |"
    assert row in text.splitlines()


def test_a_claim_that_nobody_measured_is_shown():
    claim = summary.Claim("0", "b is better", "error", "b", "a")
    assert "| b is better | error | – | – | not measured | |" in summary.markdown([claim], {})


def test_render_writes_the_pages_of_a_folder(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "6.2.csv").write_bytes((RESULTS / "6.2.csv").read_bytes())
    monkeypatch.setattr(command, "README", tmp_path / "README.md")
    assert command.main(["--render", f"--output={folder}"]) == 0
    assert (folder / "6.2.md").read_bytes() == (RESULTS / "6.2.md").read_bytes()
    index = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "[Table 6.2: CycleMatch and its baselines](results/6.2.md)" in index
    assert "--table=7.2 --seeds=3`" in index
    assert f"written: {folder / 'summary.md'}" in capsys.readouterr().out


def test_measuring_a_table_writes_its_csv_file_and_its_page(tmp_path, monkeypatch, capsys):
    def measure(runner, seeds, processes):
        found = {row.name: ["error: no space"] for row in runner.table.rows}
        report = {**making.report(25.0), "metrics": {"error_rate": 25.0}}
        return {**found, "CFN-A": [report]}

    monkeypatch.setattr(command, "measure", measure)
    assert command.main(["--table=2.2", "--seeds=1", f"--output={tmp_path}/results"]) == 2
    text = (tmp_path / "results" / "2.2.md").read_text(encoding="utf-8")
    assert "| CNN-A | failed |" in text and "| CFN-A | 25.00 (14.73; +10.3) |" in text
    assert text in capsys.readouterr().out
    assert len(measurements.read(tmp_path / "results" / "2.2.csv")) == 4
