import json

import numpy as np
import pytest

from tfvse.errors import UserError
from tfvse.evaluation.report import Report, Result, read

RESULT = Result(
    {"i2t/R@1": 31.04, "i2t/median_rank": 4.5, "t2i/R@1": 21.26, "rsum": 331.2},
    {"folds": 1},
    {"i2t/R@1": (29.0, 33.0), "rsum": (310.0, 350.0)},
)


def report(**changes):
    return Report(
        **{
            "system": "cyclematch",
            "data_set": "emoji",
            "split": "val",
            **RESULT._asdict(),
            **changes,
        }
    )


def strict(path):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(path.read_text(), parse_constant=refuse)


def test_written_report_has_everything_a_reader_needs(tmp_path):
    report(seed=3, step=10, command="python tools/evaluate.py", wall_seconds=1.5).write(
        tmp_path / "report.json"
    )
    written = strict(tmp_path / "report.json")
    assert {
        "system",
        "data_set",
        "split",
        "protocol",
        "metrics",
        "intervals",
        "data_checksum",
        "date",
    } <= set(written)
    assert {"python", "tensorflow", "keras", "numpy", "tfvse"} == set(written["versions"])
    assert {"cpu", "cores", "accelerators"} == set(written["hardware"]) and written["hardware"][
        "cores"
    ] >= 1
    assert (written["seed"], written["step"], written["wall_seconds"]) == (3, 10, 1.5)
    assert written["metrics"] == RESULT.metrics


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_a_metric_that_is_not_a_number_is_refused(value):
    with pytest.raises(UserError, match="metric i2t/R@1 is"):
        report(metrics={"i2t/R@1": value})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        "[" * 100_000,
        "{}",
        '{"metrics": 3}',
        '{"metrics": {"R@1": "4"}}',
        '{"metrics": {"R@1": NaN}}',
        '{"metrics": {"R@1": 1' + "0" * 400 + "}}",
        '{"metrics": {}, "intervals": {"R@1": [1]}}',
        '{"metrics": {}, "intervals": {"R@1": [1, "2"]}}',
        '{"metrics": {}, "step": "5"}',
    ],
)
def test_a_damaged_report_is_told(tmp_path, content):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(UserError, match="report.json: not a report"):
        read(tmp_path / "report.json")


def test_nothing_is_left_behind_when_writing_fails(tmp_path):
    with pytest.raises(ValueError):
        report(details={"bad": float("nan")}).write(tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_table_lines_up_rows_columns_and_intervals():
    assert report().table().splitlines() == [
        "cyclematch on emoji, val split (step 0)",
        "              R@1  median_rank",
        "i2t          31.0         4.50",
        "     [29.0, 33.0]",
        "t2i          21.3",
        "rsum  331.2  [310.0, 350.0]",
    ]


def test_table_without_rows():
    assert report(metrics={"error_rate": 15.2}, intervals={}).table().splitlines()[1:] == [
        "error_rate  15.2"
    ]
