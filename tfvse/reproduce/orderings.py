"""Whether rows differ as the paper says: an ordering holds, is reversed, or is not decided.

The noise of a difference of two means is the root of the sum of their squared standard deviations
over seeds. A difference within its noise decides nothing, and neither does a single seed.
"""

import dataclasses
import itertools
import statistics
from collections.abc import Iterable
from typing import NamedTuple

from tfvse.reproduce.measurements import Measurement
from tfvse.reproduce.tables import Table

HOLDS = "holds"
REVERSED = "reversed"
NOT_DECIDED = "not decided"
VERDICTS = (HOLDS, REVERSED, NOT_DECIDED)


class Cell(NamedTuple):
    """One cell of a table.

    Attributes:
      mean: over the seeds that did not fail.
      deviation: sample standard deviation over them; 0 for a single one.
      seeds: how many they are.
      paper: the paper's number, or None.
    """

    mean: float
    deviation: float
    seeds: int
    paper: float | None


Cells = dict[tuple[str, str], Cell]  # (row name, metric) → cell


class Comparison(NamedTuple):
    """Our difference of two cells.

    Attributes:
      difference: the first mean less the second.
      noise: of that difference, or None where a cell has a single seed.
      verdict: "holds", "reversed" or "not decided".
    """

    difference: float
    noise: float | None
    verdict: str


@dataclasses.dataclass(frozen=True)
class Ordering:
    """Two rows, compared by one metric.

    Attributes:
      metric: by which they are compared.
      first, second: names of the rows.
      paper: the paper's number of the first less that of the second; None where the paper says
        only that the first is larger.
      ours: the same of our means.
    """

    metric: str
    first: str
    second: str
    paper: float | None
    ours: Comparison


def cells(table: Table, lines: Iterable[Measurement]) -> Cells:
    """(row name, metric) → cell, for all that was measured."""
    values: dict[tuple[str, str], list[float]] = {}
    papers: dict[tuple[str, str], float | None] = {}
    for line in lines:
        key = (line.row, line.metric)
        papers[key] = line.paper
        if line.ours is not None:
            values.setdefault(key, []).append(line.ours)

    result = {}
    for row, metric in itertools.product(table.rows, table.metrics):
        found = values.get((row.name, metric))
        if found:
            deviation = statistics.stdev(found) if len(found) > 1 else 0.0
            paper = papers[row.name, metric]
            cell = Cell(statistics.mean(found), deviation, len(found), paper)
            result[row.name, metric] = cell
    return result


def compare(first: Cell, second: Cell, sign: float) -> Comparison:
    """Compares two cells; `sign` is that of the paper's difference, first less second."""
    difference = first.mean - second.mean
    if min(first.seeds, second.seeds) < 2:  # one seed says nothing about the noise
        return Comparison(difference, None, NOT_DECIDED)

    noise = (first.deviation**2 + second.deviation**2) ** 0.5
    if abs(difference) <= noise:
        return Comparison(difference, noise, NOT_DECIDED)
    return Comparison(difference, noise, HOLDS if difference * sign > 0 else REVERSED)


def orderings(table: Table, measured: Cells) -> list[Ordering]:
    """All comparisons of a table that the paper decides.

    These are the pairs of rows with different numbers in the paper, for each metric of the table's
    `order`, and the pairs of its `claims`.

    Args:
      table: the table.
      measured: what `cells` gives.
    """
    found: list[Ordering] = []
    for metric in table.order:
        column = {}
        for row in table.rows:
            if (row.name, metric) in measured:
                column[row.name] = measured[row.name, metric]

        found += _numbered(metric, column)
        found += _claimed(metric, column, table.claims)
    return found


def _numbered(metric: str, column: dict[str, Cell]) -> list[Ordering]:
    """Pairs of rows whose numbers in the paper differ."""
    found = []
    for (first, one), (second, other) in itertools.combinations(column.items(), 2):
        if one.paper is None or other.paper is None or one.paper == other.paper:
            continue
        paper = one.paper - other.paper
        found.append(Ordering(metric, first, second, paper, compare(one, other, paper)))
    return found


def _claimed(
    metric: str, column: dict[str, Cell], claims: Iterable[tuple[str, str]]
) -> list[Ordering]:
    """Pairs (better, worse) that the paper states without numbers."""
    found = []
    for better, worse in claims:
        if better in column and worse in column:
            ours = compare(column[better], column[worse], 1.0)
            found.append(Ordering(metric, better, worse, None, ours))
    return found
