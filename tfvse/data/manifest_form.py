"""The form of a manifest, checked before anything relies on it: names, types, fitting numbers."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

SPLITS = ("train", "val", "test")

# What a manifest of before may lack → what it means.
DEFAULTS: dict[str, Any] = {
    "data_set": "",
    "licence": "",
    "source": "",
    "settings": {},
    "left_out": [],
}
_NEEDED = {"kind": str, "splits": dict, "parts": dict}
_OTHERS = {
    "data_set": str,
    "licence": str,
    "source": str,
    "settings": dict,
    "left_out": list,
    "files": dict,
    "remarks": list,
    "statistics": dict,
    "tokenizer": str,
    "classes": list,
    "single_label": bool,
    "paired": bool,
    "colours": list,
}
_SHARD = {"file": str, "records": int, "bytes": int, "sha256": str}
_DTYPES = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_MOST_NUMBERS = 2**31  # in an array of one record

# Type → what it is called in messages.
_WORDS = {
    str: "a text",
    dict: "an object",
    list: "a list",
    bool: "true or false",
    int: "a number",
}


def problem(found: dict[str, Any]) -> str | None:
    """What is wrong with a manifest, in words, or None."""
    missing = sorted(_NEEDED.keys() - found.keys())
    if missing:
        return f"has no {missing[0]}"
    wrong = _of_types(found, _NEEDED) or _of_types(found, _OTHERS)
    if wrong:
        return wrong

    problems = [_strings(found, name) for name in ("classes", "left_out")]
    problems += [_split(name, counts) for name, counts in found["splits"].items()]
    problems += [_part(name, entry) for name, entry in found["parts"].items()]
    return _first(problems)


def _first(problems: list[str | None]) -> str | None:
    """The first that is one."""
    return next(filter(None, problems), None)


def _of_types(
    entry: Mapping[str, Any],
    types: Mapping[str, type],
) -> str | None:
    """What is wrong with the types of what an entry has."""
    for name, kind in types.items():
        value = entry.get(name, kind())
        is_wrong = not isinstance(value, kind)
        # For Python, true is a number.
        if is_wrong or (kind is int and isinstance(value, bool)):
            return f"{name} must be {_WORDS[kind]}"
    return None


def _strings(
    found: Mapping[str, Any],
    name: str,
) -> str | None:
    """What is wrong with a list of texts."""
    if not all(isinstance(word, str) for word in found.get(name, ())):
        return f"{name} must be a list of texts"
    return None


def _split(
    name: str,
    counts: Any,
) -> str | None:
    """What is wrong with the counts of a split."""
    if name not in SPLITS:
        return f"splits must be {', '.join(SPLITS)}, not {name}"
    if not isinstance(counts, dict) or not all(map(_is_count, counts.values())):
        return f"splits, {name} must hold numbers"
    return None


def _part(
    name: str,
    entry: Any,
) -> str | None:
    """What is wrong with the entry of a part."""
    where = f"parts, {name}"
    if not isinstance(entry, dict):
        return f"{where} must be an object"
    wrong = _of_types(entry, {"fields": dict, "shards": list}) or _content(entry)
    return f"{where}: {wrong}" if wrong else None


def _content(entry: Mapping[str, Any]) -> str | None:
    """What is wrong with the shards and fields of a part."""
    if "shards" not in entry:
        return "no shards"
    problems = [_shard(shard) for shard in entry["shards"]]
    problems += [_field(name, kind) for name, kind in entry.get("fields", {}).items()]
    wrong = _first(problems)
    if wrong:
        return wrong
    if entry.get("count") != sum(shard["records"] for shard in entry["shards"]):
        return "count must be the sum of the shards' records"
    return None


def _shard(shard: Any) -> str | None:
    """What is wrong with the entry of a shard."""
    if not isinstance(shard, dict) or not _SHARD.keys() <= shard.keys():
        return f"a shard must have {', '.join(_SHARD)}"
    if isinstance(shard["file"], str):
        place = pathlib.PurePosixPath(shard["file"])
        if place.is_absolute() or ".." in place.parts:
            return f"the shard {place} is not inside the folder"
    for name in ("records", "bytes"):
        if not _is_count(shard[name]) or shard[name] < 1:
            return "a shard's records and bytes must be numbers above 0"
    return _of_types(shard, _SHARD)


def _field(
    name: str,
    kind: Any,
) -> str | None:
    """What is wrong with the kind of a field, see `tfvse.data.records`."""
    if kind in ("bytes", "int64"):
        return None
    if not isinstance(kind, dict) or kind.get("dtype") not in _DTYPES:
        return f"the field {name} must be bytes, int64 or an array of numbers"
    shape = kind.get("shape")
    if not isinstance(shape, list) or not all(map(_is_count, shape)):
        return f"the shape of {name} must be a list of numbers"
    if math.prod(shape) > _MOST_NUMBERS:
        return f"the shape of {name} is too large"
    return None


def _is_count(value: Any) -> bool:
    """Whether a value is a whole number that something can be counted with."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
