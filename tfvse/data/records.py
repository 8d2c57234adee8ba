"""Parts of a prepared data set: sharded TFRecord files with random access.

A part is a list of records with the same fields. On disk it is a row of ordinary TFRecord files (any tool that reads
tf.train.Example reads them) and, beside each, an `.index` file: the byte offset of every record, raw little-endian
int64. Offsets and memory mapping give any record in microseconds, so that training shuffles indices, not pictures.

Fields: "bytes" (a byte string), "int64" (a whole number), or {"dtype": ..., "shape": [...]}: an array kept as its raw
little-endian bytes, an order of magnitude faster to write and read than a list of floats.
"""

import hashlib
import itertools
import mmap
import os
import pathlib
import struct

import google_crc32c
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfvse.errors import UserError

SHARD_BYTES = 256 * 2**20
_HEADER, _FOOTER = 12, 4  # length and its checksum; checksum of the data


def _masked_crc(data):
    # TFRecord stores a rotated CRC32C, because the CRC of a string that holds CRCs is weak.
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _frame(data):
    """The bytes of one record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", _masked_crc(length)), data, struct.pack("<I", _masked_crc(data)))
    )


def _serialize(example, fields):
    feature = {}
    for name, kind in fields.items():
        value = example[name]
        if kind == "int64":
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
            continue
        if kind != "bytes":
            value = np.asarray(value)
            if value.dtype != kind["dtype"] or list(value.shape) != list(kind["shape"]):
                raise ValueError(f"field {name}: {value.dtype} {value.shape}, declared {kind}")
            value = value.tobytes()
        feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(
        deterministic=True
    )


class _ShardWriter:
    """One TFRecord file and its index, under names that no reader looks for until the part is whole."""

    def __init__(self, path):
        self.path = path
        self.offsets = []
        self.size = 0
        self.digest = hashlib.sha256()
        self.file = open(path, "wb")

    def write(self, data):
        framed = _frame(data)
        self.file.write(framed)
        self.digest.update(framed)
        self.offsets.append(self.size)
        self.size += len(framed)

    def close(self):
        with self.file:
            self.file.flush()
            os.fsync(self.file.fileno())
        with open(self.path.with_suffix(".index"), "wb") as index:
            index.write(np.array(self.offsets, "<i8").tobytes())
            index.flush()
            os.fsync(index.fileno())

    def rename(self, path):
        os.replace(self.path.with_suffix(".index"), path.with_suffix(".index"))
        os.replace(self.path, path)
        entry = {
            "file": f"{path.parent.name}/{path.name}",
            "records": len(self.offsets),
            "bytes": self.size,
        }
        return {**entry, "sha256": self.digest.hexdigest()}

    def remove(self):
        self.file.close()
        for path in (self.path, self.path.with_suffix(".index")):
            path.unlink(missing_ok=True)


def write(prefix, examples, fields, total=None, shard_bytes=SHARD_BYTES):
    """Writes one part; files get their names only when all of them are whole.

    Args:
      prefix: path such as <prepared folder>/train/images; shards are named images-00000-of-00003.tfrecord.
      examples: iterable of dicts, one value for every field.
      fields: name → kind, see the module's docstring.
      total: number of examples, for the progress bar (shown on a terminal).
      shard_bytes: a new shard starts when one has grown to this size.

    Returns:
      The part's entry of the manifest: {"count", "fields", "shards": [{"file", "records", "bytes", "sha256"}]}.

    Raises:
      OSError: the disk is full or read-only; nothing is left behind.
    """
    prefix = pathlib.Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    shards = []
    try:
        label = f"{prefix.parent.name}/{prefix.name}"
        for example in tqdm(examples, desc=label, total=total, unit="record", disable=None):
            if not shards or shards[-1].size >= shard_bytes:
                if shards:
                    shards[-1].close()
                shards.append(
                    _ShardWriter(prefix.with_name(f".{prefix.name}-{len(shards):05d}.tfrecord"))
                )
            shards[-1].write(_serialize(example, fields))
        if shards:
            shards[-1].close()
        names = [f"{prefix.name}-{i:05d}-of-{len(shards):05d}.tfrecord" for i in range(len(shards))]
        entries = [
            shard.rename(prefix.with_name(name)) for shard, name in zip(shards, names, strict=True)
        ]
    except BaseException:
        for shard in shards:
            shard.remove()
        raise
    return {
        "count": sum(entry["records"] for entry in entries),
        "fields": dict(fields),
        "shards": entries,
    }


class Part:
    """Random access to one part of a prepared data set.

    Args:
      prepared_dir: the prepared folder.
      manifest: its manifest (dict).
      name: such as "train/images".

    Raises:
      UserError: there is no such part, a file is missing, or its size or fields are not as the
        manifest says.
    """

    def __init__(self, prepared_dir, manifest, name):
        if name not in manifest["parts"]:
            raise UserError(
                f"{prepared_dir}: has no part {name}; it has {', '.join(sorted(manifest['parts']))}"
            )
        entry = manifest["parts"][name]
        self.name = name
        self.fields = entry["fields"]
        self._files = [pathlib.Path(prepared_dir) / shard["file"] for shard in entry["shards"]]
        self._starts = np.array(
            [0, *itertools.accumulate(shard["records"] for shard in entry["shards"])], np.int64
        )
        self._maps, self._offsets = [], []
        for path, shard in zip(self._files, entry["shards"], strict=True):
            _check_size(path, shard["bytes"])
            _check_size(path.with_suffix(".index"), 8 * shard["records"])
            with open(path, "rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            offsets = np.fromfile(path.with_suffix(".index"), "<i8")
            self._offsets.append(np.append(offsets, shard["bytes"]))
        if len(self):
            self._require_fields(f"{prepared_dir}: part {name}")

    def _require_fields(self, where):
        """Raises UserError unless the first record, if whole, has the manifest's fields."""
        try:
            example = tf.train.Example.FromString(self._record(0, 0))
        except UserError:  # is raised when it is read
            return
        for name, kind in self.fields.items():
            feature = example.features.feature[name]
            if not _fits(feature, kind):
                raise UserError(
                    f"{where} does not hold the field {name} as {kind}; prepare it again"
                )

    def __len__(self):
        return int(self._starts[-1])

    def read(self, indices):
        """The serialized examples at `indices` (int array [B]), as an object array [B] of bytes.

        Raises:
          UserError: a record's checksum is wrong; names the file and the record.
        """
        indices = np.asarray(indices)
        shards = np.searchsorted(self._starts, indices, side="right") - 1
        rows = indices - self._starts[shards]
        found = [
            self._record(shard, row)
            for shard, row in zip(shards.tolist(), rows.tolist(), strict=True)
        ]
        return np.array(found, object)

    def _record(self, shard, row):
        start, stop = self._offsets[shard][row : row + 2].tolist()
        framed = self._maps[shard][start:stop] if 0 <= start < stop else b""
        data, footer = framed[_HEADER:-_FOOTER], framed[-_FOOTER:]
        if len(framed) < _HEADER + _FOOTER or footer != struct.pack("<I", _masked_crc(data)):
            raise UserError(
                f"{self._files[shard]}: record {row} is damaged (its checksum is wrong); prepare the data set again"
            )
        return data

    def batch(self, indices):
        """Reads and parses records inside a TensorFlow graph.

        Args:
          indices: int64 tensor [B].

        Returns:
          dict of tensors: "bytes" fields string [B], "int64" fields int64 [B], arrays [B, *shape] of their dtype.
        """
        serialized = tf.numpy_function(self.read, [indices], tf.string, stateful=False)
        serialized.set_shape(indices.shape)
        kinds = {
            name: tf.int64 if kind == "int64" else tf.string for name, kind in self.fields.items()
        }
        spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in kinds.items()}
        parsed = tf.io.parse_example(serialized, spec)
        for name, kind in self.fields.items():
            if isinstance(kind, dict):
                flat = _decode(parsed[name], kind["dtype"], _array_bytes(kind))
                parsed[name] = tf.reshape(flat, [-1, *kind["shape"]])
                parsed[name].set_shape([indices.shape[0], *kind["shape"]])
        return parsed

    def all(self, name, chunk=4096):
        """Every value of the field `name`, as one NumPy array [N, ...] (object array of bytes for "bytes")."""
        starts = range(0, len(self), chunk)
        indices = (
            tf.range(start, min(start + chunk, len(self)), dtype=tf.int64) for start in starts
        )
        return np.concatenate([self.batch(rows)[name].numpy() for rows in indices])


def _fits(feature, kind):
    """Whether a `tf.train.Feature` holds one value of a kind of field."""
    if kind == "int64":
        return len(feature.int64_list.value) == 1
    sizes = [len(value) for value in feature.bytes_list.value]
    return len(sizes) == 1 and (kind == "bytes" or sizes[0] == _array_bytes(kind))


def _decode(strings, dtype, length):
    if dtype == "float16":  # TensorFlow decodes rows of a fixed length to every type but this
        return tf.bitcast(tf.io.decode_raw(strings, tf.uint16, fixed_length=length), tf.float16)
    return tf.io.decode_raw(strings, dtype, fixed_length=length)


def _array_bytes(kind):
    return int(np.dtype(kind["dtype"]).itemsize * np.prod(kind["shape"], dtype=np.int64))


def _check_size(path, size):
    found = path.stat().st_size if path.is_file() else None
    if found != size:
        state = "is missing" if found is None else f"has {found:,} bytes instead of {size:,}"
        raise UserError(
            f"{path}: {state}; prepare the data set again (tools/prepare_data.py --overwrite)"
        )
