"""The manifest of a prepared data set: what it holds, its source, and the checksums of its files.

`<prepared_dir>/manifest.json`:

    format      2
    data_set    name in tfvse.data.DATASETS
    kind        "matching", "classification", "translation", "edges" or "segmentation"
    licence     terms of use of the data
    source      where it came from
    settings    the options it was prepared with
    splits      split → {what: count}
    parts       "<split>/<part>" → {"count", "fields", "shards": [...]}; a shard is
                {"file", "records", "bytes", "sha256"}
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
from collections.abc import Iterable, Mapping
from typing import Any

from tfvse import files, reading
from tfvse.data import manifest_form
from tfvse.errors import UserError
from tfvse.typing import PathLike

FORMAT = 2
FORMATS = (1, 2)
FILE = "manifest.json"
AGAIN = "prepare the data set again"
_SIDE_FILES = ("vocabulary.txt", "hglmm.npz")
_MARKS = {"format", "data_set", "kind", "splits", "parts"}  # what tells our manifest from another


def read(prepared_dir: PathLike) -> dict[str, Any]:
    """The manifest of a prepared folder, without its own checksum.

    Raises:
      UserError: there is none, it is damaged, or it is not one of ours.
    """
    path = pathlib.Path(prepared_dir) / FILE
    try:
        found = reading.read_json(path)
    except reading.BadFile as error:
        if error.reason == reading.MISSING:
            raise UserError(
                f"{prepared_dir}: no prepared data; run tfvse prepare --data=... "
                f"--prepared_dir={prepared_dir}"
            ) from None
        raise UserError(f"{path}: not a manifest: {error.reason}; {AGAIN}") from None

    if not isinstance(found, dict) or found.get("format") not in FORMATS:
        raise UserError(f"{path}: not a manifest of format {FORMAT}; {AGAIN}")
    stated = found.pop("checksum", None)
    has_checksum = stated is not None or found["format"] > 1
    if has_checksum and stated != _own_checksum(found):
        raise UserError(f"{path}: is damaged or was edited (its checksum is wrong); {AGAIN}")
    wrong = manifest_form.problem(found)
    if wrong:
        raise UserError(f"{path}: {wrong}; {AGAIN}")
    return {**copy.deepcopy(manifest_form.DEFAULTS), **found}


def write(
    prepared_dir: PathLike,
    manifest: Mapping[str, Any],
) -> None:
    """Writes `manifest` with its checksum into the folder, atomically."""
    body = json.loads(json.dumps({**manifest, "format": FORMAT}))
    body["checksum"] = _own_checksum(body)
    files.write_json(pathlib.Path(prepared_dir) / FILE, body)


def _own_checksum(body: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without checksum."""
    try:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    except RecursionError:  # nested almost too deeply to be read
        return ""
    return hashlib.sha256(canonical.encode()).hexdigest()


def add_part(
    prepared_dir: PathLike,
    name: str,
    entry: Mapping[str, Any],
) -> None:
    """Adds or replaces one part; `entry` is what `records.write` returned."""
    _add(prepared_dir, "parts", name, entry)


def add_file(
    prepared_dir: PathLike,
    name: str,
) -> None:
    """Adds the checksum of a file that lies beside the manifest."""
    _add(prepared_dir, "files", name, reading.digest(pathlib.Path(prepared_dir) / name))


def _add(
    prepared_dir: PathLike,
    key: str,
    name: str,
    entry: Any,
) -> None:
    """Adds `entry` as `name` to what the manifest has under `key`."""
    # Two extractions may end at the same time, and each must keep what the other has added.
    with files.lock(pathlib.Path(prepared_dir) / f".{FILE}.lock"):
        manifest = read(prepared_dir)
        manifest.setdefault(key, {})[name] = entry
        write(prepared_dir, manifest)


def side_file(
    prepared_dir: PathLike,
    manifest: Mapping[str, Any],
    name: str,
) -> pathlib.Path:
    """Path of a file beside the manifest.

    Raises:
      UserError: it is not the one that the manifest lists; a manifest of format 1 lists none.
    """
    path = pathlib.Path(prepared_dir) / name
    listed = manifest.get("files", {}).get(name)
    if listed and reading.digest(path) != listed:
        raise UserError(f"{path}: is damaged or was edited (its checksum is wrong); {AGAIN}")
    return path


def require_ours(prepared_dir: PathLike) -> None:
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


def _is_ours(place: pathlib.PurePath) -> bool:
    """Whether preparation or extraction writes a file of this name, a relative path."""
    if len(place.parts) > 1:
        unfinished = place.parent.suffix == ".unfinished"
        is_part = place.suffix in (".tfrecord", ".index")
        return place.parts[0] in manifest_form.SPLITS and (unfinished or is_part)
    temporary = re.fullmatch(r"\.partial\.(.+)\.[a-z0-9_]{8}\.\w+", place.name)
    name = temporary[1] if temporary else place.name
    is_lock = re.fullmatch(r"\..+\.lock", name) is not None
    return name in (FILE, *_SIDE_FILES) or is_lock


def checksum(
    manifest: Mapping[str, Any],
    names: Iterable[str],
) -> str:
    """One digest over the files of some parts: the identity of what a run learns from.

    Args:
      manifest: of the data set.
      names: of the parts, in any order.

    Returns:
      Hexadecimal SHA-256.
    """
    in_order = sorted(names)
    shards = []
    for name in in_order:
        shards.append([shard["sha256"] for shard in manifest["parts"][name]["shards"]])
    return hashlib.sha256(json.dumps([in_order, shards]).encode()).hexdigest()


def splits(manifest: Mapping[str, Any]) -> list[str]:
    """Names of the splits, training first."""
    return sorted(manifest["splits"], key=manifest_form.SPLITS.index)


def require_split(
    manifest: Mapping[str, Any],
    split: str,
    prepared_dir: PathLike,
) -> None:
    """Raises UserError when the data set has no such split."""
    if split not in manifest["splits"]:
        known = ", ".join(splits(manifest))
        raise UserError(f"--split={split}: {prepared_dir} has no such split; it has {known}")


def summary(
    manifest: Mapping[str, Any],
    prepared_dir: PathLike,
) -> str:
    """What was prepared, in a few lines for a person."""
    lines = [f"{manifest['data_set']} ({manifest['kind']}) in {prepared_dir}"]
    for split in splits(manifest):
        counts = [f"{count:,} {what}" for what, count in manifest["splits"][split].items()]
        lines.append(f"  {split}: {', '.join(counts)}")
    if manifest["left_out"]:
        lines.append(f"  left out as bad: {len(manifest['left_out']):,} entries")
    lines.append(f"  source: {manifest['source']}")
    lines.append(f"  licence: {manifest['licence']}")
    return "\n".join(lines)
