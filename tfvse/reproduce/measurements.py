"""The measurements of a table as a CSV file: one line for each row, seed and metric.

The CSV file is the record. Every page under docs/results is made from it alone.
"""

import csv
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.reproduce.tables import Table, Training

FAILED = "failed"  # stands in the column "ours" of a run that failed


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One metric of one row, measured with one seed: the columns of the CSV file.

    Attributes:
      row, metric: names from the table.
      seed: of the run.
      ours: the measured number in the metric's unit, or None where the run failed.
      paper: the paper's number, or None where it has none.
      difference: ours less the paper's, or None.
      train_seconds: wall time of training, over all models of an ensemble; None where it failed.
      data: the first twelve characters of the prepared data's checksum.
      hardware: cores and processor; where the run failed, one sentence on what failed.
      command: what makes the table again.
      data_set, split: what was evaluated.
      tensorflow, keras: versions.
    """

    row: str
    metric: str
    seed: int
    ours: float | None
    paper: float | None
    difference: float | None
    train_seconds: float | None
    data: str
    hardware: str
    command: str
    data_set: str
    split: str
    tensorflow: str
    keras: str

    @property
    def failure(self) -> str:
        """One sentence on what failed; empty where nothing did."""
        return self.hardware if self.ours is None else ""


COLUMNS = tuple(field.name for field in dataclasses.fields(Measurement))


def write(path: pathlib.Path, lines: Iterable[Measurement]) -> None:
    """Writes measurements as a CSV file, atomically."""
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for line in lines:
            values = dataclasses.asdict(line)
            if line.ours is None:
                values["ours"] = FAILED
            writer.writerow(values)


def read(path: pathlib.Path) -> list[Measurement]:
    """The measurements in a CSV file.

    Raises:
      UserError: a column is missing.
    """
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        for name in COLUMNS:
            if name not in (reader.fieldnames or ()):
                raise UserError(f"{path}: no column {name!r}; measure the table again")
        return list(map(_parsed, reader))


def _parsed(values: Mapping[str, str]) -> Measurement:
    """One line of the CSV file."""
    ours = values["ours"]
    return Measurement(
        row=values["row"],
        metric=values["metric"],
        seed=int(values["seed"]),
        ours=None if ours == FAILED else float(ours),
        paper=_number(values["paper"]),
        difference=_number(values["difference"]),
        train_seconds=_number(values["train_seconds"]),
        data=values["data"],
        hardware=values["hardware"],
        command=values["command"],
        data_set=values["data_set"],
        split=values["split"],
        tensorflow=values["tensorflow"],
        keras=values["keras"],
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def seeds(lines: Iterable[Measurement]) -> int:
    """How many seeds a table was measured with, failed runs included."""
    return max(line.seed for line in lines) + 1


def succeeded(lines: Iterable[Measurement]) -> list[Measurement]:
    """The measurements of runs that did not fail."""
    return [line for line in lines if not line.failure]


def train_seconds(table: Table, lines: Iterable[Measurement]) -> list[float]:
    """Seconds of training of every run behind a table; rows that train alike share a run."""
    seconds: dict[tuple[Training, int], float] = {}
    for line in lines:
        row = table.row(line.row)
        # The runs of an ensemble are those of its members, which are rows too.
        if line.train_seconds is not None and not row.ensemble:
            seconds[row.training, line.seed] = line.train_seconds
    return list(seconds.values())
