"""Ten claims of the papers in one short table: the paper's numbers, ours, and the verdict.

configs/summary.json names the claims: the main one of each system, whether it came out or not.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

from tfvse import recipes
from tfvse.reproduce import render
from tfvse.reproduce.measurements import Measurement
from tfvse.reproduce.orderings import Cells, cells, compare
from tfvse.reproduce.tables import Table

CLAIMS = recipes.folder() / "summary.json"
NONE = "–"

HEAD = """| claim of the paper | measure | paper | ours | verdict | table |
|---|---|---|---|---|---|"""

LEGEND = """Each cell has two numbers: first with the method that the claim is about, then without
it. Ours are means ± standard deviations over the seeds of the table. A dash stands where the paper
has no comparable number. *Holds*: our difference has the paper's direction and is larger than its
noise. *Reversed*: it has the other direction and is larger than its noise. *Not decided*: it is
within its noise, or there is one seed only. Our data sets, encoders and schedules are smaller than
the papers', so only the directions compare."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim: a row of a table is better than another one.

    Attributes:
      table: name of the table.
      claim: what the paper says, in one line.
      metric: by which the rows are compared.
      better, worse: names of the rows.
      lower_is_better: whether the metric is an error.
    """

    table: str
    claim: str
    metric: str
    better: str
    worse: str
    lower_is_better: bool = False


def read_claims(path: pathlib.Path = CLAIMS) -> list[Claim]:
    """The claims in a JSON file, a list of objects with the fields of `Claim`."""
    return [Claim(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def markdown(
    claims: Sequence[Claim],
    results: Mapping[str, tuple[Table, Sequence[Measurement]]],
    folder: str = "",
) -> str:
    """The summary as a table of Markdown with its legend.

    Args:
      claims: the rows.
      results: table name → the table and its measurements.
      folder: where the tables' pages are, seen from the page that shows the summary: "" for the
        same folder, or such as "docs/results/".
    """
    rows = []
    for claim in claims:
        if claim.table in results:
            table, lines = results[claim.table]
            rows.append(_row(claim, table, cells(table, lines), folder))
        else:
            rows.append(f"| {claim.claim} | {claim.metric} | {NONE} | {NONE} | not measured | |")
    return "\n".join([HEAD, *rows]) + f"\n\n{LEGEND}\n"


def _row(claim: Claim, table: Table, measured: Cells, folder: str) -> str:
    """One claim as a row of Markdown."""
    link = f"[{claim.table}]({folder}{claim.table}.md)"
    better = measured.get((claim.better, claim.metric))
    worse = measured.get((claim.worse, claim.metric))
    if better is None or worse is None:
        return f"| {claim.claim} | {claim.metric} | {NONE} | failed | not decided | {link} |"

    papers = NONE
    if better.paper is not None and worse.paper is not None:
        papers = f"{better.paper:g}, {worse.paper:g}"
    ours = ", ".join(render.mean_text(cell, table.decimals) for cell in (better, worse))
    verdict = compare(better, worse, -1.0 if claim.lower_is_better else 1.0).verdict
    return f"| {claim.claim} | {claim.metric} | {papers} | {ours} | {verdict} | {link} |"
