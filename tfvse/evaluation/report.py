"""The report of one evaluation: the numbers and all that is needed to read them.

It is written as strict JSON and shown as a table.
"""

import dataclasses
import importlib.metadata
import itertools
import json
import math
import os
import pathlib
import platform
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import tfvse
from tfvse.errors import UserError
from tfvse.files import read_regular, write_json
from tfvse.typing import PathLike

MAX_BYTES = 2**30  # of a report that is read
_KINDS = {  # field → type
    "system": str,
    "data_set": str,
    "split": str,
    "data_checksum": str,
    "seed": int,
    "step": int,
    "protocol": dict,
    "metrics": dict,
    "intervals": dict,
    "versions": dict,
    "hardware": dict,
}


class Result(NamedTuple):
    """What a protocol measured; `Report.of` adds who was measured on what.

    Attributes:
      metrics: name → finite number.
      protocol: every choice that makes two papers' numbers differ; JSON types only.
      intervals: name → (low, high), for some of the metrics.
      details: further results that are not single numbers; JSON types only.
      examples: what `System.plots` draws.
    """

    metrics: dict[str, float]
    protocol: dict[str, Any]
    intervals: dict[str, tuple[float, float]]
    details: dict[str, Any] = {}
    examples: dict[str, Any] = {}


def versions() -> dict[str, str]:
    """Versions, by name, of the software that influences the numbers."""
    found = {"python": platform.python_version(), "tfvse": tfvse.__version__}
    for package in ("tensorflow", "keras", "numpy"):
        found[package] = importlib.metadata.version(package)
    return found


def hardware() -> dict[str, Any]:
    """What an evaluation runs on.

    Returns:
      "cpu": model of the processor. "cores": number of those that this process may use.
      "accelerators": names of TensorFlow's, empty where TensorFlow is not loaded.
    """
    return {
        "cpu": _cpu_model(),
        "cores": _usable_cores(),
        "accelerators": _accelerators(),
    }


def _cpu_model() -> str:
    """The model of the processor, or at least its architecture."""
    listing = pathlib.Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _accelerators() -> list[str]:
    """Names of the accelerators that TensorFlow sees; it is not loaded for this."""
    if "tensorflow" not in sys.modules:
        return []
    config = sys.modules["tensorflow"].config

    names = []
    for device in config.list_physical_devices():
        if device.device_type != "CPU":
            details = config.experimental.get_device_details(device)
            names.append(details.get("device_name", device.device_type))
    return names


@dataclasses.dataclass(frozen=True)
class Report:
    """What one evaluation found.

    Attributes:
      system: what was evaluated.
      data_set: on what.
      split: on which split of it.
      protocol: every choice that makes two papers' numbers differ; JSON types only.
      metrics: name → finite number, in percent where name and protocol say nothing else. Names
        "row/column" form a table.
      intervals: name → (low, high), for some of the metrics.
      details: further results that are not single numbers, such as a confusion matrix; JSON types
        only.
      examples: what `System.plots` draws, such as the images found for a few texts; not written.
      seed: of the run.
      step: training step of the evaluated weights.
      data_checksum: of the prepared data.
      vocabulary: which texts it was built from; empty where there is none.
      command: what was typed.
      wall_seconds: how long the evaluation took; None where nobody measured it.

    Raises:
      UserError: a metric is not finite.
    """

    system: str
    data_set: str
    split: str
    protocol: dict[str, Any]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    examples: dict[str, Any] = dataclasses.field(default_factory=dict, compare=False)
    seed: int = 0
    step: int = 0
    data_checksum: str = ""
    vocabulary: str = ""
    command: str = ""
    wall_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuses metrics that are not finite."""
        for name, value in self.metrics.items():
            if not math.isfinite(value):
                raise UserError(
                    f"metric {name} is {value}; the run has diverged: take an earlier checkpoint"
                )

    @classmethod
    def of(
        cls,
        system: Any,
        data: Any,
        split: str,
        result: Result,
        vocabulary: str = "",
    ) -> "Report":
        """Makes the report of a result.

        Args:
          system: `tfvse.systems.base.System` that was measured.
          data: the loaded data set that it was measured on.
          split: name of the split.
          result: what was measured.
          vocabulary: which texts it was built from.

        Returns:
          The report, without step, command and time.
        """
        config = system.config
        return cls(
            system=config.system,
            data_set=config.data,
            split=split,
            seed=config.seed,
            data_checksum=data.checksum,
            vocabulary=vocabulary,
            **result._asdict(),
        )

    def write(self, path: PathLike) -> None:
        """Writes the report with versions, hardware and date as strict JSON, atomically.

        Args:
          path: of the JSON file.

        Raises:
          ValueError: a number is not finite.
        """
        content = {}
        for field in dataclasses.fields(self):
            if field.name != "examples":
                content[field.name] = getattr(self, field.name)
        content["date"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        content["versions"] = versions()
        content["hardware"] = hardware()
        write_json(path, content)

    def table(self) -> str:
        """The metrics as text for a terminal.

        Returns:
          Lines: a title; a table of all "row/column" metrics, with the interval of each below it;
          then one line for every other metric.
        """
        title = f"{self.system} on {self.data_set}, {self.split} split (step {self.step})"
        others = []
        for name in self.metrics:
            if "/" not in name:
                others.append([name, self._value(name), self._interval(name)])
        return "\n".join([title, *_align(self._grid()), *_align(others)])

    def _grid(self) -> list[list[str]]:
        """Cells of the table of all "row/column" metrics, without empty lines."""
        rows: list[str] = []
        columns: list[str] = []
        for name in self.metrics:
            row, slash, column = name.partition("/")
            if slash and row not in rows:
                rows.append(row)
            if slash and column not in columns:
                columns.append(column)

        lines = [["", *columns]]
        for row in rows:
            values = [row]
            intervals = [""]
            for column in columns:
                values.append(self._value(f"{row}/{column}"))
                intervals.append(self._interval(f"{row}/{column}"))
            lines += [values, intervals]
        return [line for line in lines if any(line)]

    def _value(self, name: str) -> str:
        """A metric for people; empty where there is none."""
        if name not in self.metrics:
            return ""
        return _number(self.metrics[name])

    def _interval(self, name: str) -> str:
        """The interval of a metric for people; empty where there is none."""
        if name not in self.intervals:
            return ""
        low, high = self.intervals[name]
        return f"[{_number(low)}, {_number(high)}]"


def read(path: pathlib.Path, *needed: str) -> dict[str, Any]:
    """A report that was written before.

    Args:
      path: the file.
      needed: what it must have besides "metrics".

    Returns:
      What `Report.write` wrote.

    Raises:
      FileNotFoundError: there is none.
      UserError: the file is damaged, too large or no report.
    """
    try:
        found = json.loads(read_regular(path, MAX_BYTES))
    except (ValueError, RecursionError):
        found = None
    if not _is_report(found, ("metrics", *needed)):
        raise UserError(f"{path}: not a report; write it again with tfvse evaluate")
    return found


def _is_report(found: Any, needed: Sequence[str]) -> bool:
    if not isinstance(found, dict) or not all(name in found for name in needed):
        return False
    if not all(isinstance(found.get(name, kind()), kind) for name, kind in _KINDS.items()):
        return False
    intervals = found.get("intervals", {}).values()
    pairs = all(isinstance(interval, list) and len(interval) == 2 for interval in intervals)
    if not pairs:
        return False
    chance = found.get("protocol", {}).get("chance", {})
    if not isinstance(chance, dict):
        return False
    numbers = [*found["metrics"].values(), *chance.values()]
    numbers += itertools.chain.from_iterable(intervals)
    return all(_is_finite(number) for number in numbers)


def _is_finite(value: Any) -> bool:
    # Not math.isfinite, which cannot take an int of 400 digits.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _number(value: float) -> str:
    """A number with about three digits."""
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def _align(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of text whose columns are aligned: the first at the left, the others at the right."""
    columns = zip(*cells, strict=True)
    widths = [max(map(len, column)) for column in columns]

    lines = []
    for first, *others in cells:
        padded = [first.ljust(widths[0])]
        for cell, width in zip(others, widths[1:], strict=True):
            padded.append(cell.rjust(width))
        lines.append("  ".join(padded).rstrip())
    return lines
