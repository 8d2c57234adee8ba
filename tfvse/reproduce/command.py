"""The command: measures a table, or writes the results pages from the measurements.

`tfvse reproduce --table=6.2 --prepared_dir=data/flickr8k` trains every row of the table
with every seed, evaluates it, and writes docs/results/6.2.csv and all pages. A run that is there is
used again, an interrupted one resumes. `tfvse reproduce --render` only writes the pages.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.parsing import parse_flags
from tfvse.reproduce import collect, measurements, pages, render, tables
from tfvse.reproduce.measure import measure
from tfvse.reproduce.runs import Runner

README = pathlib.Path("README.md")


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Trains and evaluates every row of a paper's table, and prints paper, ours and difference."""

    table: str = setting("", "a table: the name of a file in configs/tables, without .json")
    render: bool = setting(False, "only write the pages and README's summary from the CSV files")
    prepared_dir: str = setting("", "prepared data set; empty: what the table's config says")
    split: str = setting(
        "", "split to evaluate on; empty: the table's own (never the test split while tuning)"
    )
    seeds: int = setting(3, "runs of every row, with the seeds 0, 1, …", low=1)
    runs_dir: str = setting("runs/reproduce", "folder of the runs")
    processes: int = setting(1, "runs that train at the same time", low=1)
    output: str = setting("docs/results", "folder for <table>.md and <table>.csv")

    def check(self) -> None:
        """Refuses a table together with --render.

        Raises:
          UserError: both are given.
        """
        if self.table and self.render:
            raise UserError(f"--table={self.table} --render: give one of them")


def main(argv: Sequence[str]) -> int:
    """Measures a table or writes the pages; returns the exit code, 2 where a run failed."""
    flags = parse_flags(Flags, list(argv))
    folder = pathlib.Path(flags.output)
    if flags.render:
        _render(folder)
        return 0

    table = tables.read(flags.table)
    runner = Runner(table, flags.runs_dir, flags.prepared_dir, flags.split)
    found = measure(runner, flags.seeds, flags.processes)
    lines = collect.collect(table, found, tables.command(table.name, flags.seeds))
    measurements.write(folder / f"{table.name}.csv", lines)
    pages.write(folder)
    print(render.page(table, lines))
    return 2 if any(line.failure for line in lines) else 0


def _render(folder: pathlib.Path) -> None:
    """Writes every page from the CSV files, and the summary into the README."""
    for path in pages.write(folder):
        print(f"written: {path}")
    if README.is_file():
        text = pages.embed(README.read_text(encoding="utf-8"), folder)
        with atomic_write(README) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(f"written: {README}")
