"""Runs a frozen encoder over every split of a prepared matching set and adds the features to it.

Features are kept in chunks as soon as they are there, so a killed run goes on after its last whole chunk; a part gets
its name, and its line in the manifest, when all of its rows are there.
"""

import pathlib
import shutil

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfvse import encoders
from tfvse.data import manifest, matching, records
from tfvse.errors import UserError
from tfvse.files import atomic_write

CHUNK = 1024  # rows in a chunk, at least


def extract_images(prepared_dir: pathlib.Path, name: str, batch_size: int) -> list[str]:
    """Adds the features of the image encoder `name` to every split.

    Returns:
      Names of the parts that were added; those that were there already are left alone.

    Raises:
      UserError: the folder holds no matching set, the encoder is missing, or a picture cannot be decoded.
    """
    todo = _missing(prepared_dir, "image", name)
    if todo:
        encoder = encoders.image_encoder(name)
        rows_at_once = batch_size if encoder.size else 1  # pictures of different sizes do not make a batch
        _extract(prepared_dir, todo, "picture", encoder.preprocess, encoder.encode, rows_at_once)
    return list(todo)


def extract_texts(prepared_dir: pathlib.Path, name: str, batch_size: int) -> list[str]:
    """The same for the text encoder "hub:<handle or folder>"."""
    todo = _missing(prepared_dir, "text", name)
    if todo:
        _extract(prepared_dir, todo, "text", tf.identity, encoders.text_features(name), batch_size)
    return list(todo)


def _missing(prepared_dir, what, name):
    """Part of features → part that it is made from, for those that are not there."""
    found = manifest.read(prepared_dir)
    if found["kind"] != "matching":
        raise UserError(f"--prepared_dir={prepared_dir}: is for {found['kind']}; features are of pictures with texts")
    parts = {matching.feature_part(split, what, name): f"{split}/{what}s" for split in manifest.splits(found)}
    return {part: source for part, source in parts.items() if part not in found["parts"]}


def _extract(prepared_dir, todo, field, preprocess, encode, batch_size):
    encode = tf.function(encode, reduce_retracing=True)
    for part, source in todo.items():
        found = manifest.read(prepared_dir)
        inputs = records.Part(prepared_dir, found, source)
        # The name holds the source's checksum: chunks of a set that was prepared anew are not taken for its own.
        chunks = prepared_dir / f"{part}.{manifest.checksum(found, [source])[:12]}.unfinished"
        start = sum(len(np.load(path, mmap_mode="r")) for path in _finished(chunks))
        if start < len(inputs):
            batches = _batches(inputs, field, preprocess, start, batch_size)
            _fill(chunks, (encode(batch).numpy() for batch in batches), start, len(inputs), part)
        rows = [np.load(path) for path in _finished(chunks)]
        fields = {"feature": {"dtype": "float32", "shape": [rows[0].shape[1]]}}
        examples = ({"feature": row} for chunk in rows for row in chunk)
        manifest.add_part(prepared_dir, part, records.write(prepared_dir / part, examples, fields, total=len(inputs)))
        shutil.rmtree(chunks)


def _batches(inputs, field, preprocess, start, batch_size):
    """Preprocessed batches from row `start` on; pictures are decoded by all cores while the network runs."""
    rows = tf.data.Dataset.range(start, len(inputs)).batch(batch_size)
    values = rows.map(lambda indices: inputs.batch(indices)[field]).unbatch()
    ready = values.map(preprocess, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return ready.batch(batch_size).prefetch(2)


def _finished(chunks):
    """Whole chunks in order; their names begin with their first row."""
    return sorted(chunks.glob("*.npy"))


def _fill(chunks, features, start, total, part):
    """Writes `features` (arrays [b, D], those of row `start` and on) into the folder `chunks`."""
    waiting, done = [], start
    with tqdm(desc=part, total=total, initial=start, unit="row", disable=None) as bar:
        for batch in features:
            waiting.append(batch)
            done += len(batch)
            bar.update(len(batch))
            if done - start >= CHUNK or done == total:
                with atomic_write(chunks / f"{start:010d}.npy") as temporary:
                    np.save(temporary, np.concatenate(waiting))
                start, waiting = done, []
