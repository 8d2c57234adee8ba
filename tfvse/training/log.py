"""The log of a run: one JSON object a line in `<run_dir>/log.jsonl`.

A kill may cut the last line short and a disk may damage any; such a line is left out.
"""

import json
import pathlib
import sys

from tfvse.files import atomic_write, read_regular

FILE = "log.jsonl"
LARGEST = 2**30  # bytes
LAST_STEP = 2**63 - 1  # steps are int64


def read(run_dir: pathlib.Path) -> list[dict]:
    """The records of a run's log in the order of writing; none where there is no log.

    Each has the int "step" and perhaps "stage" (str); everything else in it is a finite number.
    """
    return [record for _, record in _records(run_dir / FILE)]


def append(run_dir: pathlib.Path, record: dict) -> None:
    """Writes one record behind the others."""
    with open(run_dir / FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def trim(run_dir: pathlib.Path, step: int) -> None:
    """Drops what comes after `step`: the run goes on from there and writes it again."""
    path = run_dir / FILE
    if not path.exists():
        return
    kept = [line for line, record in _records(path) if record["step"] <= step]
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in kept))


def _records(path):
    """Yields every whole line (bytes) with its record."""
    if not path.exists():
        return
    for line in read_regular(path, LARGEST).split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_record(record):
            yield line, record


def _is_record(record):
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return False
    if not 0 <= record["step"] <= LAST_STEP or not isinstance(record.get("stage", ""), str):
        return False
    return all(_is_finite(value) for name, value in record.items() if name != "stage")


def _is_finite(value):
    # Not math.isfinite, which cannot take an int of 400 digits.
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max
