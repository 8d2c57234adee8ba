"""The manifest of a prepared data set: what it holds, where it came from, and the checksums of its files.

`<prepared_dir>/manifest.json`:

    format      2
    data_set    name in tfvse.data.DATASETS
    kind        "matching", "classification", "translation", "edges" or "segmentation"
    licence     terms of use of the data
    source      where it came from
    settings    the flags it was prepared with
    splits      split → {what: count}
    parts       "<split>/<part>" → {"count", "fields", "shards": [{"file", "records", "bytes", "sha256"}]}
    left_out    what --skip_bad left out: sentences
    files       file beside the manifest, such as vocabulary.txt → its SHA-256
    ...         what the kind adds: "classes" (classification, segmentation), "paired" (translation)
    checksum    SHA-256 of all of the above

Format 1, which is still read, has neither `files` nor `checksum`.
"""

import copy
import hashlib
import json
import pathlib
import re

from tfvse import files, reading
from tfvse.data import manifest_form
from tfvse.errors import UserError

FORMAT = 2
FORMATS = (1, 2)
FILE = "manifest.json"
AGAIN = "prepare the data set again"
_SIDE_FILES = ("vocabulary.txt", "hglmm.npz")
_MARKS = {"format", "data_set", "kind", "splits", "parts"}  # what tells our manifest from another


def read(prepared_dir):
    """The manifest of `prepared_dir` (dict), without its own checksum.

    Raises:
      UserError: there is none, it is damaged, or it is not one of ours.
    """
    path = pathlib.Path(prepared_dir) / FILE
    try:
        found = reading.read_json(path)
    except reading.BadFile as error:
        if error.reason == reading.MISSING:
            raise UserError(
                f"{prepared_dir}: no prepared data; run tools/prepare_data.py --data=... "
                f"--prepared_dir={prepared_dir}"
            ) from None
        raise UserError(f"{path}: not a manifest: {error.reason}; {AGAIN}") from None
    if not isinstance(found, dict) or found.get("format") not in FORMATS:
        raise UserError(f"{path}: not a manifest of format {FORMAT}; {AGAIN}")
    stated = found.pop("checksum", None)
    if (stated is not None or found["format"] > 1) and stated != _own_checksum(found):
        raise UserError(f"{path}: is damaged or was edited (its checksum is wrong); {AGAIN}")
    wrong = manifest_form.problem(found)
    if wrong:
        raise UserError(f"{path}: {wrong}; {AGAIN}")
    return {**copy.deepcopy(manifest_form.DEFAULTS), **found}


def write(prepared_dir, manifest):
    """Writes `manifest` (dict) with its checksum into the folder, atomically."""
    body = json.loads(json.dumps({**manifest, "format": FORMAT}))
    files.write_json(pathlib.Path(prepared_dir) / FILE, {**body, "checksum": _own_checksum(body)})


def _own_checksum(body):
    try:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    except RecursionError:  # nested almost too deeply to be read
        return ""
    return hashlib.sha256(canonical.encode()).hexdigest()


def add_part(prepared_dir, name, entry):
    """Adds or replaces one part (`entry` as `records.write` returns it), such as a row of features."""
    _add(prepared_dir, "parts", name, entry)


def add_file(prepared_dir, name):
    """Takes the checksum of a file that lies beside the manifest into it."""
    _add(prepared_dir, "files", name, reading.digest(pathlib.Path(prepared_dir) / name))


def _add(prepared_dir, key, name, entry):
    # Two extractions may end at the same time, and each must keep what the other has added.
    with files.lock(pathlib.Path(prepared_dir) / f".{FILE}.lock"):
        manifest = read(prepared_dir)
        manifest.setdefault(key, {})[name] = entry
        write(prepared_dir, manifest)


def side_file(prepared_dir, manifest, name):
    """Path of a file beside the manifest.

    Raises:
      UserError: it is not the one that the manifest lists; a manifest of format 1 lists none.
    """
    path = pathlib.Path(prepared_dir) / name
    listed = manifest.get("files", {}).get(name)
    if listed and reading.digest(path) != listed:
        raise UserError(f"{path}: is damaged or was edited (its checksum is wrong); {AGAIN}")
    return path


def require_ours(prepared_dir):
    """Raises UserError unless a folder may be replaced: it has our manifest, and only our files."""
    root = pathlib.Path(prepared_dir)
    try:
        found = reading.read_json(root / FILE)
    except reading.BadFile:
        found = {}
    if not isinstance(found, dict) or not _MARKS <= found.keys():
        raise UserError(
            f"{root}: is not replaced, since it holds no {FILE} of ours; give another folder, or "
            "remove it yourself"
        )
    for path in sorted(root.rglob("*")):
        if not path.is_dir() and not _is_ours(path.relative_to(root)):
            raise UserError(
                f"{root}: is not replaced, since {path} is none of our files; move that one away"
            )


def _is_ours(place):
    """Whether preparation or extraction writes a file of this name (relative path)."""
    if len(place.parts) > 1:
        unfinished = place.parent.suffix == ".unfinished"
        return place.parts[0] in manifest_form.SPLITS and (
            unfinished or place.suffix in (".tfrecord", ".index")
        )
    temporary = re.fullmatch(r"\.partial\.(.+)\.[a-z0-9_]{8}\.\w+", place.name)
    name = temporary[1] if temporary else place.name
    return name in (FILE, *_SIDE_FILES) or re.fullmatch(r"\..+\.lock", name) is not None


def checksum(manifest, names):
    """One hexadecimal digest over the files of the parts `names`: the identity of what a run learns from."""
    shards = [
        [shard["sha256"] for shard in manifest["parts"][name]["shards"]] for name in sorted(names)
    ]
    return hashlib.sha256(json.dumps([sorted(names), shards]).encode()).hexdigest()


def splits(manifest):
    """Names of the splits, training first."""
    return sorted(manifest["splits"], key=manifest_form.SPLITS.index)


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
