"""Two ways of doing one thing, timed in turns."""

import dataclasses
import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tfvse.evaluation import report

# Seconds between two turns: threads of the side that has run must not spin in the other's time.
PAUSE = 0.02

Work = Callable[[], Any]  # does all its work before it returns


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison; smaller is better.

    Attributes:
      what: is compared.
      ours, other: what either side took, in `unit`.
      ratio: ours / other.
      unit: such as "ms" or "MiB".
    """

    what: str
    ours: float
    other: float
    ratio: float
    unit: str = "ms"


class Section(NamedTuple):
    """The comparisons of one part.

    Attributes:
      title: of the part.
      names: of our side and of the other.
      rows: the comparisons.
    """

    title: str
    names: tuple[str, str]
    rows: list[Row]


def seconds(function: Work) -> float:
    """How long `function()` takes, in seconds."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def paired(what: str, ours: Work, other: Work, rounds: int) -> Row:
    """Times two functions in turns, after one call of each that does not count.

    Args:
      what: name of the comparison.
      ours, other: callables without arguments, each doing all its work before it returns.
      rounds: turns.

    Returns:
      `Row` of the median times in ms, and the median over the turns of ours / other.
    """
    ours()
    other()
    times: dict[Work, list[float]] = {ours: [], other: []}
    for turn in range(rounds):
        order = (ours, other) if turn % 2 else (other, ours)
        for function in order:
            gc.collect()
            time.sleep(PAUSE)
            times[function].append(1000 * seconds(function))

    ratios = [mine / theirs for mine, theirs in zip(times[ours], times[other], strict=True)]
    return Row(
        what,
        statistics.median(times[ours]),
        statistics.median(times[other]),
        statistics.median(ratios),
    )


def table(section: Section) -> str:
    """The comparisons of a part as Markdown."""
    ours, other = section.names
    lines = [f"## {section.title}", "", f"| | {ours} | {other} | ratio |", "|---|---:|---:|---:|"]
    for row in section.rows:
        numbers = f"{row.ours:,.1f} {row.unit} | {row.other:,.1f} {row.unit} | {row.ratio:.2f}"
        lines.append(f"| {row.what} | {numbers} |")
    return "\n".join(lines) + "\n"


def conditions(threads: int) -> str:
    """One line of Markdown: command, hardware, versions."""
    packages = ", ".join(f"{name} {version}" for name, version in report.versions().items())
    command = " ".join(["python tools/benchmark.py", *sys.argv[1:]])
    machine = f"{report.hardware()['cpu']}, {threads} threads, float32"
    return f"`{command}` on {machine}; {packages}. A ratio under 1: ours takes less.\n"
