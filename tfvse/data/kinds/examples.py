"""Pictures with what belongs to each of them (a class, a label map, drawings): verified, then written."""

from tfvse.data import records, verification
from tfvse.errors import UserError


def write(folder, splits, fields, record, findings, problem=None, what=""):
    """Verifies pictures and writes those that can be used as the part `<split>/examples` of every split.

    Args:
      folder: where to.
      splits: split → iterable of entries with `.id` (str) and `.picture` (path or bytes), gone through three times.
      fields: name → kind, see `records`.
      record: entry → dict with a value for every field.
      findings: with what the reader of the data set has already found.
      problem: entry whose picture can be read → a sentence on what is wrong with the rest of it, or None.
      what: name of that rest, such as "label map".

    Returns:
      The manifest's entries "splits", "parts", "left_out" and "remarks".

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable picture.
    """
    bad = verification.check_pictures(splits, findings)
    for split, entries in splits.items() if problem else ():
        for entry in entries:
            sentence = (split, entry.id) not in bad and problem(entry)
            if sentence:
                findings.add(f"bad {what}", sentence)
                bad.add((split, entry.id))
    findings.settle()
    parts, counts = {}, {}
    for split, entries in splits.items():
        kept = [entry for entry in entries if (split, entry.id) not in bad]
        if not kept:
            raise UserError(f"the split {split} has no usable picture; check the layout")
        part = records.write(
            folder / split / "examples", map(record, kept), fields, total=len(kept)
        )
        parts[f"{split}/examples"], counts[split] = part, {"examples": len(kept)}
    return {
        "splits": counts,
        "parts": parts,
        "left_out": findings.left_out,
        "remarks": findings.remarks,
    }
