"""The tables of the papers as configs/tables/<name>.json states them.

A table has rows, metrics and the paper's numbers. A row is what is trained and evaluated: flags, or
the name of the row whose run it starts from, or the names of the rows that make up an ensemble.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tfvse import recipes
from tfvse.config import nearest
from tfvse.errors import UserError

TABLES = recipes.folder() / "tables"

Training = tuple[str, ...]  # what a row trains: its start, its flagfile, its flags


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
      name: of the row, unique in its table.
      flagfile: config that the row trains from.
      train: further flags of `tfvse train`.
      evaluate: flags of `tfvse evaluate`.
      start: name of the row whose run gives the initial weights; empty: none.
      ensemble: names of the rows whose models are averaged; empty: the row is a model of its own.
      paper: the paper's number for each metric of the table, None where it has none.
    """

    name: str
    flagfile: str
    train: tuple[str, ...]
    evaluate: tuple[str, ...]
    start: str
    ensemble: tuple[str, ...]
    paper: tuple[float | None, ...]

    @property
    def waits(self) -> bool:
        """Whether other rows must be trained before this one."""
        return bool(self.ensemble or self.start)

    @property
    def training(self) -> Training:
        """What the row trains: rows with equal values share their runs."""
        return (self.start, self.flagfile, *self.train)


@dataclasses.dataclass(frozen=True)
class Table:
    """One table of a paper.

    Attributes:
      name: of its file, and of its files in docs/results.
      title: heading of its page.
      note: how ours were measured, and what the numbers in brackets are.
      remark: what a reader should know about the outcome; empty: nothing.
      split: split that is evaluated.
      metrics: names of the report's metrics, one a column.
      order: metrics by which rows are compared.
      claims: pairs (better row, worse row) that the paper states without numbers.
      decimals: digits after the point.
      rows: from top to bottom.
    """

    name: str
    title: str
    note: str
    remark: str
    split: str
    metrics: tuple[str, ...]
    order: tuple[str, ...]
    claims: tuple[tuple[str, str], ...]
    decimals: int
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row called `name`.

        Raises:
          KeyError: the table has none of that name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def members(self, row: Row) -> list[Row]:
        """The rows whose models `row` evaluates, in the table's order: its ensemble, or itself."""
        names = row.ensemble or (row.name,)
        return [other for other in self.rows if other.name in names]


def from_json(name: str, value: Mapping[str, Any]) -> Table:
    """The table called `name` from the JSON object of its file."""
    metrics = tuple(value["metrics"])
    rows = []
    for entry in value["rows"]:
        rows.append(_row(entry, value.get("flagfile", ""), len(metrics)))

    return Table(
        name=name,
        title=value["title"],
        note=value["note"],
        remark=value.get("remark", ""),
        split=value.get("split", ""),
        metrics=metrics,
        order=tuple(value.get("order", ())),
        claims=tuple((better, worse) for better, worse in value.get("claims", ())),
        decimals=value.get("decimals", 2),
        rows=tuple(rows),
    )


def _row(value: Mapping[str, Any], flagfile: str, columns: int) -> Row:
    return Row(
        name=value["name"],
        flagfile=value.get("flagfile", flagfile),
        train=tuple(value.get("train", ())),
        evaluate=tuple(value.get("evaluate", ())),
        start=value.get("start", ""),
        ensemble=tuple(value.get("ensemble", ())),
        paper=tuple(value.get("paper") or [None] * columns),
    )


def names(folder: pathlib.Path = TABLES) -> list[str]:
    """Names of all tables in `folder`, sorted."""
    return sorted(path.stem for path in folder.glob("*.json"))


def read(name: str, folder: pathlib.Path = TABLES) -> Table:
    """The table called `name`.

    Raises:
      UserError: there is none of that name, or its file is damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = names(folder)
        raise UserError(f"--table={name}: there are {', '.join(known)}{nearest(name, known)}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no table in JSON ({error})") from None
    return from_json(name, value)


def command(name: str, seeds: int = 3) -> str:
    """What a person types to measure the table called `name`."""
    return f"tfvse reproduce --table={name} --seeds={seeds}"
