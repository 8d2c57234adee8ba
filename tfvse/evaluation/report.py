"""The report of one evaluation: the numbers and everything needed to read them, as strict JSON and as a table."""

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
from typing import NamedTuple

import tfvse
from tfvse.errors import UserError
from tfvse.files import read_regular, write_json

MAX_BYTES = 2**30  # of a report that is read
_KINDS = {  # field → type
    "system": str, "data_set": str, "split": str, "data_checksum": str, "seed": int, "step": int,
    "protocol": dict, "metrics": dict, "intervals": dict, "versions": dict, "hardware": dict,
}  # fmt: skip


class Result(NamedTuple):
    """What a protocol measured; `Report(system=…, data_set=…, split=…, **result._asdict())` takes it in."""

    metrics: dict
    protocol: dict
    intervals: dict
    details: dict = {}
    examples: dict = {}


def versions():
    """{package: version} of what decides the numbers."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "tfvse": tfvse.__version__,
        **{package: importlib.metadata.version(package) for package in packages},
    }


def hardware():
    """The processor's model, the cores this process may use, the accelerators of TensorFlow (where it is loaded)."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    return {"cpu": _cpu_model(), "cores": len(usable), "accelerators": _accelerators()}


def _cpu_model():
    listing = pathlib.Path("/proc/cpuinfo")
    for line in listing.read_text().splitlines() if listing.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _accelerators():
    if "tensorflow" not in sys.modules:
        return []
    config = sys.modules["tensorflow"].config
    devices = [device for device in config.list_physical_devices() if device.device_type != "CPU"]
    return [
        config.experimental.get_device_details(d).get("device_name", d.device_type) for d in devices
    ]


@dataclasses.dataclass(frozen=True)
class Report:
    """What one evaluation found.

    Attributes:
      system, data_set, split: what was evaluated on what.
      protocol: every choice that makes two papers' numbers differ; JSON types only.
      metrics: name → finite number, in percent where name and protocol say nothing else; "row/column" names make a
        table.
      intervals: name → (low, high), for some of the metrics.
      details: further results that are no single number (a confusion matrix); JSON types only.
      examples: what `System.plots` draws, such as the images found for a few texts; not written.
      seed: of the run.
      step: training step of the evaluated weights.
      data_checksum: of the prepared data.
      vocabulary: which texts it was built from; empty where there is none.
      command: what was typed.
      wall_seconds: how long the evaluation took, or None where nobody measured it.

    Raises:
      UserError: a metric is not finite.
    """

    system: str
    data_set: str
    split: str
    protocol: dict
    metrics: dict
    intervals: dict = dataclasses.field(default_factory=dict)
    details: dict = dataclasses.field(default_factory=dict)
    examples: dict = dataclasses.field(default_factory=dict, compare=False)
    seed: int = 0
    step: int = 0
    data_checksum: str = ""
    vocabulary: str = ""
    command: str = ""
    wall_seconds: float | None = None

    def __post_init__(self):
        for name, value in self.metrics.items():
            if not math.isfinite(value):
                raise UserError(
                    f"metric {name} is {value}; the run has diverged: take an earlier checkpoint"
                )

    @classmethod
    def of(cls, system, data, split, result, vocabulary=""):
        """The report of a `Result` that `system` got on a split of the loaded `data`."""
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

    def write(self, path):
        """Writes the report with versions, hardware and the date as strict JSON, atomically."""
        about = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "versions": versions(),
            "hardware": hardware(),
        }
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del fields["examples"]
        write_json(path, {**fields, **about})

    def table(self):
        """The metrics as text for a terminal: one row for each "row/…", intervals below their values, then the rest."""
        lines = [f"{self.system} on {self.data_set}, {self.split} split (step {self.step})"]
        grouped = [name for name in self.metrics if "/" in name]
        columns = list(dict.fromkeys(name.partition("/")[2] for name in grouped))
        rows = list(dict.fromkeys(name.partition("/")[0] for name in grouped))
        cells = [["", *columns]]
        for row in rows:
            cells.append([row, *(self._value(f"{row}/{column}") for column in columns)])
            cells.append(["", *(self._interval(f"{row}/{column}") for column in columns)])
        lines += _align([line for line in cells if any(line)])
        lines += _align(
            [
                [name, self._value(name), self._interval(name)]
                for name in self.metrics
                if "/" not in name
            ]
        )
        return "\n".join(lines)

    def _value(self, name):
        return _number(self.metrics[name]) if name in self.metrics else ""

    def _interval(self, name):
        return (
            "[{}, {}]".format(*map(_number, self.intervals[name])) if name in self.intervals else ""
        )


def read(path: pathlib.Path, *needed: str) -> dict:
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
        raise UserError(f"{path}: not a report; write it again with tools/evaluate.py")
    return found


def _is_report(found, needed):
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


def _is_finite(value):
    # Not math.isfinite, which cannot take an int of 400 digits.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _number(value):
    return (
        f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
        if abs(value) >= 1
        else f"{value:.3f}"
    )


def _align(cells):
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def pad(cell, column):
        return cell.rjust(widths[column]) if column else cell.ljust(widths[0])

    return [
        "  ".join(pad(cell, column) for column, cell in enumerate(line)).rstrip() for line in cells
    ]
