"""Images with what belongs to each (a class, a label map, drawings): verified, then written."""

import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfvse.data import records, verification
from tfvse.errors import UserError


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[Any]],
    fields: Mapping[str, Any],
    record: Callable[[Any], dict[str, Any]],
    findings: verification.Findings,
    problem: Callable[[Any], str | None] | None = None,
    what: str = "",
) -> dict[str, Any]:
    """Verifies images and writes the usable ones as the part `<split>/examples` of every split.

    Args:
      folder: where to.
      splits: split → entries with `.id` (str) and `.image` (path or bytes), gone through three
        times.
      fields: name → kind, see `records`.
      record: entry → dict with a value for every field.
      findings: with what the reader of the data set has already found.
      problem: entry whose image can be read → a sentence on what is wrong with the rest of it, or
        None.
      what: name of that rest, such as "label map".

    Returns:
      The manifest's entries "splits", "parts", "left_out" and "remarks".

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable image.
    """
    bad = verification.check_images(splits, findings)
    if problem:
        bad |= _check_rest(splits, bad, findings, problem, what)
    findings.settle()

    parts = {}
    counts = {}
    for split, entries in splits.items():
        kept = [entry for entry in entries if (split, entry.id) not in bad]
        if not kept:
            raise UserError(f"the split {split} has no usable image; check the layout")
        path = folder / split / "examples"
        parts[f"{split}/examples"] = records.write(path, map(record, kept), fields, len(kept))
        counts[split] = {"examples": len(kept)}
    return {
        "splits": counts,
        "parts": parts,
        "left_out": findings.left_out,
        "remarks": findings.remarks,
    }


def _check_rest(
    splits: Mapping[str, Iterable[Any]],
    bad: set[tuple[str, str]],
    findings: verification.Findings,
    problem: Callable[[Any], str | None],
    what: str,
) -> set[tuple[str, str]]:
    """(split, id) of the entries with a usable image and a problem; see `write`."""
    found = set()
    for split, entries in splits.items():
        for entry in entries:
            if (split, entry.id) in bad:
                continue
            sentence = problem(entry)
            if sentence:
                findings.add(f"bad {what}", sentence)
                found.add((split, entry.id))
    return found


def one_of(spec: Mapping[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """The specification of one example: `spec` without the batch axis.

    Args:
      spec: name → specification of a batch of the shape [B, …].
    """
    return {name: tf.TensorSpec(entry.shape[1:], entry.dtype) for name, entry in spec.items()}
