"""Runs a frozen encoder over every split of a prepared matching set and adds the features to it.

Features are kept in chunks as soon as they are there, so a killed run goes on after its last whole chunk; a part gets
its name, and its line in the manifest, when all of its rows are there. An encoder of regions also tells words, which go
into a part of their own.
"""

import contextlib
import pathlib
import shutil

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfvse import encoders
from tfvse.data import manifest, records
from tfvse.data.kinds import captioned
from tfvse.encoders import array_files, image, region_files
from tfvse.errors import UserError
from tfvse.files import atomic_write, lock

CHUNK = 1024  # rows in a chunk, at least


def extract_images(prepared_dir: pathlib.Path, name: str, batch_size: int) -> list[str]:
    """Adds the features of the image encoder `name`, or of "file:<path>", to every split.

    Returns:
      Names of the parts that were added; those that were there already are left alone.

    Raises:
      UserError: the folder holds no matching set, the encoder is missing, a picture cannot be decoded or has no
        features in the file, or another process extracts the same.
    """
    with _alone(prepared_dir, "image", name) as todo:
        if todo and name.startswith(image.FILE):
            _extract(prepared_dir, todo, _from_file(prepared_dir, todo, name, batch_size))
        elif todo:
            encoder = encoders.image_encoder(name)
            # Pictures of different sizes do not make a batch.
            rows_at_once = batch_size if encoder.size else 1
            describe = encoder.describe or _features_of(encoder.encode)
            read = _from_network("picture", encoder.preprocess, describe, rows_at_once)
            _extract(prepared_dir, todo, read)
        return list(todo)


def extract_texts(prepared_dir: pathlib.Path, name: str, batch_size: int) -> list[str]:
    """The same for a text encoder whose features are computed beforehand, see `encoders.TEXT_FEATURES`."""
    with _alone(prepared_dir, "text", name) as todo:
        if todo:
            describe = _features_of(encoders.text_features(name, prepared_dir))
            _extract(prepared_dir, todo, _from_network("text", tf.identity, describe, batch_size))
        return list(todo)


@contextlib.contextmanager
def _alone(prepared_dir, what, name):
    """Yields what `_missing` finds while no other process extracts the same features."""
    todo = _missing(prepared_dir, what, name)
    if not todo:
        yield todo
        return
    busy = f"{prepared_dir}: another process extracts the {what} features of {name}; wait for it"
    place = pathlib.PurePath(captioned.feature_part("", what, name)).name
    with lock(prepared_dir / f".{place}.lock", busy):
        yield _missing(prepared_dir, what, name)


def _missing(prepared_dir, what, name):
    """Part of features → part that it is made from, for those that are not there."""
    found = manifest.read(prepared_dir)
    if found["kind"] != "matching":
        raise UserError(
            f"--prepared_dir={prepared_dir}: is for {found['kind']}; features are of pictures with texts"
        )
    parts = {
        captioned.feature_part(split, what, name): f"{split}/{what}s"
        for split in manifest.splits(found)
    }
    return {part: source for part, source in parts.items() if part not in found["parts"]}


def _features_of(encode):
    encode = tf.function(encode, reduce_retracing=True)
    return lambda batch: {"feature": encode(batch).numpy()}


def _from_network(field, preprocess, describe, batch_size):
    """Callable (part, row) → what `describe` says of the batches of the part's `field` from that row on."""

    def read(inputs, start):
        return map(describe, _batches(inputs, field, preprocess, start, batch_size))

    return read


def _from_file(prepared_dir, todo, name, batch_size):
    """The same from a file; every picture of every split is looked for before any is read."""
    source, found = region_files.RegionFile(name), manifest.read(prepared_dir)

    def ids(inputs):
        return [value.decode() for value in inputs.all("id").tolist()]

    source.require(
        [known for part in todo.values() for known in ids(records.Part(prepared_dir, found, part))]
    )

    def read(inputs, start):
        known = ids(inputs)
        return (
            source.describe(known[row : row + batch_size])
            for row in range(start, len(known), batch_size)
        )

    return read


def _extract(prepared_dir, todo, read):
    for part, source in todo.items():
        found = manifest.read(prepared_dir)
        inputs = records.Part(prepared_dir, found, source)
        # The name holds the source's checksum: chunks of a set that was prepared anew are not taken for its own.
        chunks = prepared_dir / f"{part}.{manifest.checksum(found, [source])[:12]}.unfinished"
        start = max([_rows_of(path)[1] for path in _finished(chunks)], default=0)
        if start < len(inputs):
            _fill(chunks, read(inputs, start), start, len(inputs), part)
        if _first(chunks, "regional") is not None:
            words = dict.fromkeys(("regional", "global"), "bytes")
            _write(prepared_dir, captioned.semantics_part(part), chunks, words, len(inputs))
        feature = _first(chunks, "feature")
        # The features come last, since they are what says that nothing is missing.
        fields = {"feature": {"dtype": str(feature.dtype), "shape": list(feature.shape)}}
        _write(prepared_dir, part, chunks, fields, len(inputs))
        shutil.rmtree(chunks)


def _write(prepared_dir, part, chunks, fields, total):
    """Writes the chunks' arrays named in `fields` as a part, one chunk in memory at a time."""

    def examples():
        for path in _finished(chunks):
            arrays = _read(path, list(fields))
            columns = [arrays[name] for name in fields]
            yield from (dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True))

    manifest.add_part(
        prepared_dir, part, records.write(prepared_dir / part, examples(), fields, total=total)
    )


def _batches(inputs, field, preprocess, start, batch_size):
    """Preprocessed batches from row `start` on; pictures are decoded by all cores while the network runs."""
    rows = tf.data.Dataset.range(start, len(inputs)).batch(batch_size)
    values = rows.map(lambda indices: inputs.batch(indices)[field]).unbatch()
    ready = values.map(preprocess, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return ready.batch(batch_size).prefetch(2)


def _finished(chunks):
    """Whole chunks in order; their names are those of their rows."""
    return sorted(chunks.glob("[0-9]*.npz"))


def _rows_of(path):
    """First row of a chunk, and the first that it does not hold."""
    first, end = path.stem.split("-")
    return int(first), int(end)


def _first(chunks, name):
    """The first row of an array of the chunks, or None where they have no such array."""
    path = _finished(chunks)[0]
    return _read(path, [name])[name][0] if name in array_files.names(path) else None


def _read(path, names):
    """Name → array of a chunk.

    Raises:
      UserError: it is damaged.
    """
    try:
        return array_files.read_npz(path, names, path.stat().st_size)  # it was written unpacked
    except array_files.BadArrays as error:
        raise UserError(f"{path}: is damaged ({error}); remove it and extract again") from None


def _fill(chunks, batches, start, total, part):
    """Writes `batches` (name → array [b, …], those of row `start` and on) into the folder `chunks`."""
    waiting, done = [], start
    with tqdm(desc=part, total=total, initial=start, unit="row", disable=None) as bar:
        for batch in batches:
            waiting.append(batch)
            done += len(batch["feature"])
            bar.update(len(batch["feature"]))
            if done - start >= CHUNK or done == total:
                with atomic_write(chunks / f"{start:010d}-{done:010d}.npz") as temporary:
                    np.savez(
                        temporary,
                        **{name: np.concatenate([b[name] for b in waiting]) for name in batch},
                    )
                start, waiting = done, []
