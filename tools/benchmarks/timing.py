"""Two ways of doing one thing, timed in turns."""

import dataclasses
import gc
import statistics
import sys
import time

from tfvse.evaluation import report

PAUSE = 0.02  # seconds between two turns: the threads of the one that has run must not spin in the other's time


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison; `ours` and `other` in `unit`, smaller is better."""

    what: str
    ours: float
    other: float
    ratio: float
    unit: str = "ms"


def seconds(function):
    """How long `function()` takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def paired(what, ours, other, rounds):
    """Times two functions in turns, after one call of each that does not count.

    Args:
      what: name of the comparison.
      ours, other: callables without arguments, each doing all its work before it returns.
      rounds: turns.

    Returns:
      `Row` of the median times in ms, and the median over the turns of ours / other.
    """
    ours(), other()
    times = {ours: [], other: []}
    for turn in range(rounds):
        for function in (ours, other) if turn % 2 else (other, ours):
            gc.collect()
            time.sleep(PAUSE)
            times[function].append(1000 * seconds(function))
    ratios = [a / b for a, b in zip(times[ours], times[other], strict=True)]
    return Row(
        what,
        statistics.median(times[ours]),
        statistics.median(times[other]),
        statistics.median(ratios),
    )


def table(title, names, rows):
    """Markdown: `names` is (ours, other)."""
    lines = [f"## {title}", "", f"| | {names[0]} | {names[1]} | ratio |", "|---|---:|---:|---:|"]
    lines += [
        f"| {r.what} | {r.ours:,.1f} {r.unit} | {r.other:,.1f} {r.unit} | {r.ratio:.2f} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def conditions(threads):
    """One line of Markdown: command, hardware, versions."""
    hardware, versions = report.hardware(), report.versions()
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    command = " ".join(["python tools/benchmark.py", *sys.argv[1:]])
    machine = f"{hardware['cpu']}, {threads} threads, float32"
    return f"`{command}` on {machine}; {packages}. A ratio under 1: ours takes less.\n"
