"""From the reports of a table's runs to its measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfvse.reproduce.measurements import Measurement
from tfvse.reproduce.runs import Outcome
from tfvse.reproduce.tables import Row, Table


def collect(
    table: Table, found: Mapping[str, Sequence[Outcome]], command: str
) -> list[Measurement]:
    """The measurements of a table, in the order of its rows.

    Args:
      table: the table.
      found: row name → outcomes, one a seed, as `runs.measure` gives them.
      command: what makes the table again.
    """
    lines: list[Measurement] = []
    for row in table.rows:
        for seed, outcome in enumerate(found[row.name]):
            lines += _of_outcome(table, row, seed, outcome, command)
    return lines


def _of_outcome(
    table: Table, row: Row, seed: int, outcome: Outcome, command: str
) -> list[Measurement]:
    """The measurements of one row and seed, one a metric."""
    lines = []
    for metric, paper in zip(table.metrics, row.paper, strict=True):
        if isinstance(outcome, str):
            line = _failed(row, metric, seed, paper, outcome, command)
        else:
            line = _measured(row, metric, seed, paper, outcome, command)
        lines.append(line)
    return lines


def _failed(
    row: Row, metric: str, seed: int, paper: float | None, sentence: str, command: str
) -> Measurement:
    return Measurement(
        row=row.name,
        metric=metric,
        seed=seed,
        ours=None,
        paper=paper,
        difference=None,
        train_seconds=None,
        data="",
        hardware=sentence,
        command=command,
        data_set="",
        split="",
        tensorflow="",
        keras="",
    )


def _measured(
    row: Row,
    metric: str,
    seed: int,
    paper: float | None,
    report: Mapping[str, Any],
    command: str,
) -> Measurement:
    ours = report["metrics"][metric]
    hardware = report["hardware"]
    return Measurement(
        row=row.name,
        metric=metric,
        seed=seed,
        ours=_round(ours),
        paper=paper,
        difference=None if paper is None else _round(ours - paper),
        train_seconds=_round(sum(report["run_dirs"].values())),
        data=report["data_checksum"][:12],
        hardware=f"{hardware['cores']} cores of {hardware['cpu']}",
        command=command,
        data_set=report["data_set"],
        split=report["split"],
        tensorflow=report["versions"]["tensorflow"],
        keras=report["versions"]["keras"],
    )


def _round(value: float) -> float:
    return round(value, 4) if isinstance(value, float) else value
