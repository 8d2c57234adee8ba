"""The log of a run: one JSON object a line in `<run_dir>/log.jsonl`.

A kill may cut the last line short, and a disk may damage any line. Reading skips such lines.
"""

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from tfvse.files import atomic_write, read_regular

FILE = "log.jsonl"
LARGEST = 2**30  # bytes
LAST_STEP = 2**63 - 1  # steps are int64

Record = dict[str, Any]  # the int "step", perhaps the str "stage", else finite numbers


def read(run_dir: pathlib.Path) -> list[Record]:
    """The records of a run's log in the order of writing; none if there is no log."""
    return [record for _, record in _records(run_dir / FILE)]


def append(run_dir: pathlib.Path, record: Record) -> None:
    """Appends one record."""
    with open(run_dir / FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def trim(run_dir: pathlib.Path, step: int) -> None:
    """Drops the records after `step`: a run that resumes there writes them again."""
    path = run_dir / FILE
    if not path.exists():
        return
    kept = [line for line, record in _records(path) if record["step"] <= step]
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in kept))


def _records(path: pathlib.Path) -> Iterator[tuple[bytes, Record]]:
    """Yields every undamaged line with its record."""
    if not path.exists():
        return
    for line in read_regular(path, LARGEST).split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_record(record):
            yield line, record


def _is_record(record: Any) -> bool:
    """Whether a JSON value is what `append` writes."""
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return False
    if not 0 <= record["step"] <= LAST_STEP or not isinstance(record.get("stage", ""), str):
        return False
    return all(_is_finite(value) for name, value in record.items() if name != "stage")


def _is_finite(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    # Not math.isfinite, which cannot take an int of 400 digits.
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max
