"""Every table that the project has."""

import dataclasses

import pytest

from tfvse import flagfile
from tfvse.config import FLAGFILE
from tfvse.errors import UserError
from tfvse.experiment import from_run_dir, parse_experiment
from tfvse.reproduce import summary, tables

NAMES = tables.names()


def test_an_unknown_table_is_one_sentence():
    with pytest.raises(UserError, match=r"--table=6.22: there are .*did you mean 6.2\?"):
        tables.read("6.22")


def test_a_damaged_table_is_one_sentence(tmp_path):
    (tmp_path / "0.json").write_text("{")
    with pytest.raises(UserError, match="0.json: is no table in JSON"):
        tables.read("0", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_every_table_is_a_config_in_any_folder(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    table = tables.read(name)
    models = {row.name for row in table.rows if not row.ensemble}
    for row in table.rows:
        argv = [f"--flagfile={row.flagfile}", *row.train, f"--run_dir={tmp_path}"]
        config, run_dir = parse_experiment(argv)
        flagfile.write(config, run_dir / FLAGFILE)
        from_run_dir(run_dir, row.evaluate)
        assert set(row.ensemble) <= models
        assert not row.start or table.row(row.start)
        assert len(row.paper) == len(table.metrics)
    assert set(table.order) <= set(table.metrics)
    for claim in table.claims:
        assert all(map(table.row, claim))


def test_the_summary_has_ten_claims_about_rows_that_exist():
    claims = summary.read_claims()
    assert len(claims) == 10
    for claim in claims:
        table = tables.read(claim.table)
        assert claim.metric in table.metrics
        better = table.row(claim.better)
        worse = table.row(claim.worse)
        column = table.metrics.index(claim.metric)
        papers = (better.paper[column], worse.paper[column])
        if None not in papers:
            assert (papers[0] < papers[1]) == claim.lower_is_better


def test_a_row_without_the_papers_numbers_has_none_for_each_metric():
    value = {"title": "t", "note": "n", "metrics": ["x", "y"], "rows": [{"name": "a"}]}
    (row,) = tables.from_json("0", value).rows
    assert row.paper == (None, None) and not row.waits
    assert dataclasses.replace(row, start="b").waits
