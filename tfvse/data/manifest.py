"""The manifest of a prepared data set: what it holds, where it came from, and the checksums of its files.

`<prepared_dir>/manifest.json`:

    format      1
    data_set    name in tfvse.data.DATASETS
    kind        "matching", "classification", "translation" or "segmentation"
    licence     terms of use of the data
    source      where it came from
    settings    the flags it was prepared with
    splits      split → {what: count}
    parts       "<split>/<part>" → {"count", "fields", "shards": [{"file", "records", "bytes", "sha256"}]}
    left_out    what --skip_bad left out: sentences
    ...         what the kind adds: "classes" (classification, segmentation), "paired" (translation)
"""

import hashlib
import json
import pathlib

from tfvse.errors import UserError
from tfvse.files import write_json

FORMAT = 1
FILE = "manifest.json"


def read(prepared_dir):
    """The manifest of `prepared_dir` (dict).

    Raises:
      UserError: there is none, or it is not one of ours.
    """
    path = pathlib.Path(prepared_dir) / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{prepared_dir}: no prepared data; run tools/prepare_data.py --data=... --prepared_dir={prepared_dir}"
        ) from None
    except ValueError:
        raise UserError(f"{path}: not a manifest; prepare the data set again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UserError(f"{path}: not a manifest of format {FORMAT}; prepare the data set again")
    return found


def write(prepared_dir, manifest):
    """Writes `manifest` (dict) into the folder, atomically."""
    write_json(pathlib.Path(prepared_dir) / FILE, {"format": FORMAT, **manifest})


def add_part(prepared_dir, name, entry):
    """Adds or replaces one part (`entry` as `records.write` returns it), such as a row of features."""
    manifest = read(prepared_dir)
    manifest["parts"][name] = entry
    write(prepared_dir, manifest)


def checksum(manifest, names):
    """One hexadecimal digest over the files of the parts `names`: the identity of what a run learns from."""
    shards = [
        [shard["sha256"] for shard in manifest["parts"][name]["shards"]] for name in sorted(names)
    ]
    return hashlib.sha256(json.dumps([sorted(names), shards]).encode()).hexdigest()


def splits(manifest):
    """Names of the splits, training first."""
    return sorted(manifest["splits"], key=["train", "val", "test"].index)


def require_split(manifest, split, prepared_dir):
    """Raises UserError when the data set has no such split."""
    if split not in manifest["splits"]:
        raise UserError(
            f"--split={split}: {prepared_dir} has no such split; it has {', '.join(splits(manifest))}"
        )


def summary(manifest, prepared_dir):
    """What was prepared, in a few lines for a person."""
    counts = [
        f"  {s}: " + ", ".join(f"{n:,} {w}" for w, n in manifest["splits"][s].items())
        for s in splits(manifest)
    ]
    left_out = (
        [f"  left out as bad: {len(manifest['left_out']):,} entries"]
        if manifest["left_out"]
        else []
    )
    head = f"{manifest['data_set']} ({manifest['kind']}) in {prepared_dir}"
    return "\n".join(
        [
            head,
            *counts,
            *left_out,
            f"  source: {manifest['source']}",
            f"  licence: {manifest['licence']}",
        ]
    )
