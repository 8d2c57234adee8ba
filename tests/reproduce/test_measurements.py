"""The CSV file of a table: what it holds, and that reading it loses nothing."""

import csv

import pytest

from tests.reproduce import making
from tfvse.errors import UserError
from tfvse.reproduce import measurements


def test_a_failed_run_is_a_line_too(tmp_path):
    lines = making.lines(making.table(), a=[11.0], b=["error: no space"])
    measurements.write(tmp_path / "0.csv", lines)
    first, second = csv.DictReader((tmp_path / "0.csv").read_text().splitlines())
    assert (first["ours"], first["difference"], first["train_seconds"]) == ("11.0", "1.0", "60.0")
    assert (second["row"], second["ours"], second["hardware"]) == ("b", "failed", "error: no space")


def test_what_is_read_is_what_was_written(tmp_path):
    lines = making.lines(making.table(), a=[11.25, "error: no space"], b=[7.0, 8.0])
    measurements.write(tmp_path / "0.csv", lines)
    assert measurements.read(tmp_path / "0.csv") == lines


def test_a_missing_column_is_one_sentence(tmp_path):
    (tmp_path / "0.csv").write_text("row,metric,seed,ours\n")
    with pytest.raises(UserError, match="0.csv: no column 'paper'; measure the table again"):
        measurements.read(tmp_path / "0.csv")


def test_rows_that_train_alike_share_a_run():
    rows = [
        {"name": "a"},
        {"name": "b", "evaluate": ["--scores=latent"]},
        {"name": "c", "train": ["--margin=1"]},
        {"name": "both", "ensemble": ["a", "c"]},
    ]
    table = making.table(rows)
    lines = making.lines(table, a=[1.0, 2.0], b=[1.0, 2.0], c=[1.0, "failed"], both=[1.0, 2.0])
    assert measurements.train_seconds(table, lines) == [60.0, 60.0, 60.0]
    assert measurements.seeds(lines) == 2
