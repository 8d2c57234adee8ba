"""All results pages, written from the CSV files: a page a table, the summary, and the index.

`<folder>/<table>.md` and `<folder>/summary.md` are the pages, `<folder>.md` is the index. The
README shows the summary between two markers.
"""

import pathlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from tfvse.files import atomic_write
from tfvse.reproduce import measurements, render, summary, tables
from tfvse.reproduce.measurements import Measurement
from tfvse.reproduce.orderings import VERDICTS, cells, orderings
from tfvse.reproduce.tables import Table

Results = Mapping[str, tuple[Table, Sequence[Measurement]]]

MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->)", re.DOTALL)

INTRODUCTION = """# Results

This project measured every number on these pages. Each page names the command that measures its
table again, and the CSV file beside it has one line for each row, metric and seed. The papers'
numbers stand in brackets.

`tfvse reproduce --render` writes all these pages from the CSV files. Do not edit them:
change a table in `configs/tables/`, or measure it again.

## How to read them

Most tables use another data set, other features or a shorter schedule than the paper. Their notes
say so. Then the numbers themselves do not compare, but their order does.

Two rows are compared by the means over their seeds. The noise of the difference is the root of the
sum of their squared standard deviations. An ordering *holds* when our difference has the sign of
the paper's and is larger than its noise. It is *reversed* when it is larger than its noise and has
the other sign. It is *not decided* when it is within its noise, or when there is only one seed.
"""


def read_results(folder: pathlib.Path) -> dict[str, tuple[Table, list[Measurement]]]:
    """Table name → the table and its measurements, for every CSV file in `folder`."""
    results = {}
    for path in sorted(folder.glob("*.csv")):
        results[path.stem] = (tables.read(path.stem), measurements.read(path))
    return results


def make(folder: pathlib.Path) -> dict[pathlib.Path, str]:
    """Path → text of every page that the CSV files in `folder` give."""
    results = read_results(folder)
    pages = {}
    for name, (table, lines) in results.items():
        pages[folder / f"{name}.md"] = render.page(table, lines)

    claims = summary.read_claims()
    pages[folder / "summary.md"] = f"# Results in short\n\n{summary.markdown(claims, results)}"
    pages[folder.with_suffix(".md")] = _index(results, f"{folder.name}/")
    return pages


def write(folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes every page of `folder`; returns their paths."""
    pages = make(folder)
    for path, text in pages.items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(pages)


def embed(text: str, folder: pathlib.Path) -> str:
    """`text` with the summary between its markers <!-- results --> and <!-- /results -->.

    Args:
      text: a page of Markdown.
      folder: of the CSV files, as links of the page give it, such as docs/results.

    Returns:
      The new text; the same text where it has no markers.
    """
    shown = summary.markdown(summary.read_claims(), read_results(folder), f"{folder.as_posix()}/")
    return MARKED.sub(lambda match: f"{match[1]}{shown}{match[2]}", text)


def _index(results: Results, folder: str) -> str:
    """The index: how to read the pages, the tables with their verdicts, and what is missing."""
    lines = [
        INTRODUCTION,
        f"The main claim of each system: [results in short]({folder}summary.md).",
        "",
        "## Tables",
        "",
        "| table | measured on | seeds | orderings that hold | reversed | not decided |",
        "|---|---|---|---|---|---|",
    ]
    for table, rows in results.values():
        lines.append(_entry(table, rows, folder))
    lines += _missing(results)
    return "\n".join(lines) + "\n"


def _missing(results: Results) -> list[str]:
    """The tables without measurements, with the commands that measure them."""
    lines = []
    for name in tables.names():
        if name not in results:
            lines.append(f"- {tables.read(name).title}: `{tables.command(name)}`")
    return ["", "## Not measured yet", "", *lines] if lines else []


def _entry(table: Table, lines: Sequence[Measurement], folder: str) -> str:
    """One table as a row of the index."""
    measured = measurements.succeeded(lines)
    where = f"{measured[0].data_set}, {measured[0].split}" if measured else "failed"
    verdicts = Counter(ordering.ours.verdict for ordering in orderings(table, cells(table, lines)))
    counts = " | ".join(str(verdicts[name]) for name in VERDICTS)
    link = f"[{table.title}]({folder}{table.name}.md)"
    return f"| {link} | {where} | {measurements.seeds(lines)} | {counts} |"
