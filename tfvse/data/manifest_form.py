"""The form of a manifest, checked before anything relies on it: names, types, fitting numbers."""

import math
import pathlib

DEFAULTS = {"data_set": "", "licence": "", "source": "", "settings": {}, "left_out": []}
_NEEDED = {"kind": str, "splits": dict, "parts": dict}
_OTHERS = {
    "data_set": str, "licence": str, "source": str, "settings": dict, "left_out": list,
    "files": dict, "remarks": list, "statistics": dict, "tokenizer": str, "classes": list,
    "single_label": bool,
    "paired": bool, "colours": list,
}  # fmt: skip
_WORDS = {str: "a text", dict: "an object", list: "a list", bool: "true or false", int: "a number"}
_SHARD = {"file": str, "records": int, "bytes": int, "sha256": str}
_DTYPES = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_MOST_NUMBERS = 2**31  # in an array of one record
SPLITS = ("train", "val", "test")


def problem(found: dict) -> str | None:
    """What is wrong with a manifest, in words, or None."""
    missing = sorted(_NEEDED.keys() - found.keys())
    if missing:
        return f"has no {missing[0]}"
    wrong = _of_types(found, {**_NEEDED, **_OTHERS})
    if wrong:
        return wrong
    problems = [_strings(found, name) for name in ("classes", "left_out")]
    problems += [_split(name, counts) for name, counts in found["splits"].items()]
    problems += [_part(name, entry) for name, entry in found["parts"].items()]
    return next(filter(None, problems), None)


def _of_types(entry, types):
    for name, kind in types.items():
        value = entry.get(name, kind())
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return f"{name} must be {_WORDS[kind]}"
    return None


def _strings(found, name):
    if not all(isinstance(word, str) for word in found.get(name, ())):
        return f"{name} must be a list of texts"
    return None


def _split(name, counts):
    if name not in SPLITS:
        return f"splits must be {', '.join(SPLITS)}, not {name}"
    if not isinstance(counts, dict) or not all(map(_is_count, counts.values())):
        return f"splits, {name} must hold numbers"
    return None


def _part(name, entry):
    where = f"parts, {name}"
    if not isinstance(entry, dict):
        return f"{where} must be an object"
    wrong = _of_types(entry, {"fields": dict, "shards": list})
    if wrong:
        return f"{where}: {wrong}"
    problems = [_shard(shard) for shard in entry["shards"]] if "shards" in entry else ["no shards"]
    problems += [_field(field, kind) for field, kind in entry.get("fields", {}).items()]
    wrong = next(filter(None, problems), None)
    if not wrong and entry.get("count") != sum(shard["records"] for shard in entry["shards"]):
        wrong = "count must be the sum of the shards' records"
    return wrong and f"{where}: {wrong}"


def _shard(shard):
    if not isinstance(shard, dict) or not _SHARD.keys() <= shard.keys():
        return f"a shard must have {', '.join(_SHARD)}"
    place = pathlib.PurePosixPath(shard["file"]) if isinstance(shard["file"], str) else None
    if place and (place.is_absolute() or ".." in place.parts):
        return f"the shard {place} is not inside the folder"
    if min(shard[name] if _is_count(shard[name]) else 0 for name in ("records", "bytes")) < 1:
        return "a shard's records and bytes must be numbers above 0"
    return _of_types(shard, _SHARD)


def _field(name, kind):
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


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
