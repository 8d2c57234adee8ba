"""Runs a frozen encoder over every split of a prepared matching set and adds the features to it.

Features are kept in chunks as soon as they are there, so an interrupted run goes on after its last
complete chunk. A part gets its name, and its entry in the manifest, when all of its rows are there.
An encoder of regions also finds words, which go into a part of their own.
"""

import contextlib
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfvse import encoders
from tfvse.data import manifest, records
from tfvse.data.kinds import captioned
from tfvse.encoders import array_files, image, region_files
from tfvse.errors import UserError
from tfvse.files import atomic_write, lock
from tfvse.progress import Progress

CHUNK = 1024  # rows in a chunk, at least

Arrays = dict[str, np.ndarray]  # name → array [b, …], b the rows of a batch
Reader = Callable[[records.Part, int], Iterable[Arrays]]  # (part, row) → batches from that row on


def extract_images(
    prepared_dir: pathlib.Path,
    name: str,
    batch_size: int,
) -> list[str]:
    """Adds the features of an image encoder to every split.

    Args:
      prepared_dir: folder of the prepared set.
      name: of the encoder, or "file:<path>".
      batch_size: images that are encoded at once.

    Returns:
      Names of the parts that were added; those that were there already are left alone.

    Raises:
      UserError: the folder holds no matching set, the encoder is missing, an image cannot be
        decoded or has no features in the file, or another process extracts the same.
    """
    with _alone(prepared_dir, "image", name) as todo:
        if todo and name.startswith(image.FILE):
            _extract(prepared_dir, todo, _from_file(prepared_dir, todo, name, batch_size))
        elif todo:
            encoder = encoders.image_encoder(name)
            # Images of different sizes do not make a batch.
            rows_at_once = batch_size if encoder.size else 1
            describe = encoder.describe or _features_of(encoder.encode)
            field = records.IMAGE_FIELD
            read = _from_network(field, encoder.preprocess, describe, rows_at_once)
            _extract(prepared_dir, todo, read)
        return list(todo)


def extract_texts(
    prepared_dir: pathlib.Path,
    name: str,
    batch_size: int,
) -> list[str]:
    """Adds the features of a text encoder, see `encoders.TEXT_FEATURES`; as `extract_images`."""
    with _alone(prepared_dir, "text", name) as todo:
        if todo:
            describe = _features_of(encoders.text_features(name, prepared_dir))
            _extract(prepared_dir, todo, _from_network("text", tf.identity, describe, batch_size))
        return list(todo)


@contextlib.contextmanager
def _alone(
    prepared_dir: pathlib.Path,
    what: str,
    name: str,
) -> Iterator[dict[str, str]]:
    """Yields what `_missing` finds while no other process extracts the same features."""
    todo = _missing(prepared_dir, what, name)
    if not todo:
        yield todo
        return
    busy = f"{prepared_dir}: another process extracts the {what} features of {name}; wait for it"
    place = pathlib.PurePath(captioned.feature_part("", what, name)).name
    with lock(prepared_dir / f".{place}.lock", busy):
        yield _missing(prepared_dir, what, name)


def _missing(
    prepared_dir: pathlib.Path,
    what: str,
    name: str,
) -> dict[str, str]:
    """The parts of features that are not there.

    Args:
      prepared_dir: folder of the prepared set.
      what: "image" or "text".
      name: of the encoder.

    Returns:
      Part of features → part that it is made from.
    """
    found = manifest.read(prepared_dir)
    if found["kind"] != "matching":
        raise UserError(
            f"--prepared_dir={prepared_dir}: is for {found['kind']}; features are of images with "
            "texts"
        )
    missing = {}
    for split in manifest.splits(found):
        part = captioned.feature_part(split, what, name)
        if part not in found["parts"]:
            missing[part] = f"{split}/{what}s"
    return missing


def _features_of(encode: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], Arrays]:
    """`encode` as a compiled function of batches whose result is called "feature"."""
    compiled = tf.function(encode, reduce_retracing=True)

    def describe(batch: tf.Tensor) -> Arrays:
        """A preprocessed batch → {"feature": array [b, …]}."""
        return {"feature": compiled(batch).numpy()}

    return describe


def _from_network(
    field: str,
    preprocess: Callable[[tf.Tensor], tf.Tensor],
    describe: Callable[[tf.Tensor], Arrays],
    batch_size: int,
) -> Reader:
    """What encodes a part, by `describe`, in batches of its `field`."""

    def read(
        inputs: records.Part,
        start: int,
    ) -> Iterable[Arrays]:
        """See `Reader`."""
        return map(describe, _batches(inputs, field, preprocess, start, batch_size))

    return read


def _from_file(
    prepared_dir: pathlib.Path,
    todo: Mapping[str, str],
    name: str,
    batch_size: int,
) -> Reader:
    """What reads features from a file; every image is looked for before any is read."""
    source = region_files.RegionFile(name)
    found = manifest.read(prepared_dir)
    wanted: list[str] = []
    for part in todo.values():
        wanted += _ids(records.Part(prepared_dir, found, part))
    source.require(wanted)

    def read(
        inputs: records.Part,
        start: int,
    ) -> Iterator[Arrays]:
        """See `Reader`."""
        known = _ids(inputs)
        for row in range(start, len(known), batch_size):
            yield source.describe(known[row : row + batch_size])

    return read


def _ids(part: records.Part) -> list[str]:
    """Names of the images of a part."""
    return [value.decode() for value in part.all("id").tolist()]


def _extract(
    prepared_dir: pathlib.Path,
    todo: Mapping[str, str],
    read: Reader,
) -> None:
    """Writes every part of `todo` from what `read` gives of its source."""
    for part, source in todo.items():
        found = manifest.read(prepared_dir)
        inputs = records.Part(prepared_dir, found, source)
        # The name holds the source's checksum: chunks of a set that was prepared anew are not
        # taken for its own.
        identity = manifest.checksum(found, [source])[:12]
        chunks = prepared_dir / f"{part}.{identity}.unfinished"
        start = max([_rows_of(path)[1] for path in _finished(chunks)], default=0)
        if start < len(inputs):
            _fill(chunks, read(inputs, start), start, len(inputs), part)
        _join(prepared_dir, part, chunks, len(inputs))
        shutil.rmtree(chunks)


def _join(
    prepared_dir: pathlib.Path,
    part: str,
    chunks: pathlib.Path,
    total: int,
) -> None:
    """Writes the chunks, which have all `total` rows, as a part of features, and one of words."""
    if _first(chunks, "regional") is not None:
        words = dict.fromkeys(("regional", "global"), "bytes")
        _write(prepared_dir, captioned.semantics_part(part), chunks, words, total)
    # The features come last, since their part says that nothing is missing.
    feature = _first(chunks, "feature")
    fields = {"feature": {"dtype": str(feature.dtype), "shape": list(feature.shape)}}
    _write(prepared_dir, part, chunks, fields, total)


def _write(
    prepared_dir: pathlib.Path,
    part: str,
    chunks: pathlib.Path,
    fields: Mapping[str, Any],
    total: int,
) -> None:
    """Writes the chunks' arrays named in `fields` as a part, one chunk in memory at a time."""
    entry = records.write(prepared_dir / part, _rows(chunks, list(fields)), fields, total=total)
    manifest.add_part(prepared_dir, part, entry)


def _rows(
    chunks: pathlib.Path,
    names: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Yields the rows of the arrays `names` of all chunks."""
    for path in _finished(chunks):
        arrays = _read(path, names)
        columns = [arrays[name] for name in names]
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


def _batches(
    inputs: records.Part,
    field: str,
    preprocess: Callable[[tf.Tensor], tf.Tensor],
    start: int,
    batch_size: int,
) -> tf.data.Dataset:
    """Preprocessed batches from row `start` on.

    All cores decode images while the network runs.
    """

    def load(indices: tf.Tensor) -> tf.Tensor:
        """Rows int64 [b] → string [b]."""
        return inputs.batch(indices)[field]

    rows = tf.data.Dataset.range(start, len(inputs)).batch(batch_size)
    values = rows.map(load).unbatch()
    ready = values.map(preprocess, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return ready.batch(batch_size).prefetch(2)


def _finished(chunks: pathlib.Path) -> list[pathlib.Path]:
    """Complete chunks in order; their names are those of their rows."""
    return sorted(chunks.glob("[0-9]*.npz"))


def _rows_of(path: pathlib.Path) -> tuple[int, int]:
    """First row of a chunk, and the first that it does not hold."""
    first, end = path.stem.split("-")
    return int(first), int(end)


def _first(
    chunks: pathlib.Path,
    name: str,
) -> Any:
    """The first row of an array of the chunks, or None where they have no such array."""
    path = _finished(chunks)[0]
    return _read(path, [name])[name][0] if name in array_files.names(path) else None


def _read(
    path: pathlib.Path,
    names: Sequence[str],
) -> Arrays:
    """The arrays `names` of a chunk; UserError where it is damaged."""
    try:
        return array_files.read_npz(path, names, path.stat().st_size)  # it was written unpacked
    except array_files.BadArrays as error:
        raise UserError(f"{path}: is damaged ({error}); remove it and extract again") from None


def _fill(
    chunks: pathlib.Path,
    batches: Iterable[Arrays],
    start: int,
    total: int,
    part: str,
) -> None:
    """Writes batches into chunks.

    Args:
      chunks: folder of the chunks.
      batches: of the rows from `start` on.
      start: first row.
      total: rows of the part.
      part: its name, for the progress bar.
    """
    waiting: list[Arrays] = []
    done = start
    with Progress(part, "row", total, done=start) as shown:
        for batch in batches:
            waiting.append(batch)
            done += len(batch["feature"])
            shown.update(len(batch["feature"]))
            if done - start < CHUNK and done < total:
                continue
            with atomic_write(chunks / f"{start:010d}-{done:010d}.npz") as temporary:
                # NumPy's hint is too narrow.
                np.savez(temporary, **_concatenated(waiting))  # type: ignore[arg-type]
            start = done
            waiting = []


def _concatenated(batches: Sequence[Arrays]) -> Arrays:
    """Batches as one."""
    found = {}
    for name in batches[0]:
        found[name] = np.concatenate([batch[name] for batch in batches])
    return found
