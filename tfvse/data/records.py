"""Parts of a prepared data set: sharded TFRecord files with random access.

A part is a list of records with the same fields. On disk it is a row of ordinary TFRecord files
(any tool that reads tf.train.Example reads them) and, beside each, an `.index` file: the byte
offset of every record, raw little-endian int64. Offsets and memory mapping give any record in
microseconds, so training shuffles indices, not images.

A field is "bytes" (a byte string), "int64" (a whole number), or {"dtype": ..., "shape": [...]}: an
array kept as its raw little-endian bytes. Such an array is an order of magnitude faster to write
and read than a list of floats.
"""

import itertools
import mmap
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfvse.data.shards import ShardWriter, unframe
from tfvse.errors import UserError
from tfvse.progress import progress
from tfvse.typing import PathLike

SHARD_BYTES = 256 * 2**20

# The stored name of an image's bytes. Folders prepared by every version have it, so it stays.
IMAGE_FIELD = "picture"


def _serialize(
    example: Mapping[str, Any],
    fields: Mapping[str, Any],
) -> bytes:
    """An example as the bytes of a tf.train.Example.

    Raises:
      ValueError: an array has another type or shape than its field.
    """
    feature = {}
    for name, kind in fields.items():
        value = example[name]
        if kind == "int64":
            numbers = tf.train.Int64List(value=[int(value)])
            feature[name] = tf.train.Feature(int64_list=numbers)
            continue
        if kind != "bytes":
            value = np.asarray(value)
            if value.dtype != kind["dtype"] or list(value.shape) != list(kind["shape"]):
                raise ValueError(f"field {name}: {value.dtype} {value.shape}, declared {kind}")
            value = value.tobytes()
        strings = tf.train.BytesList(value=[value])
        feature[name] = tf.train.Feature(bytes_list=strings)
    features = tf.train.Features(feature=feature)
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


def write(
    prefix: PathLike,
    examples: Iterable[Mapping[str, Any]],
    fields: Mapping[str, Any],
    total: int | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> dict[str, Any]:
    """Writes one part; files get their names only when all of them are complete.

    Args:
      prefix: path such as <prepared folder>/train/images; shards are named
        images-00000-of-00003.tfrecord.
      examples: dicts with one value for every field.
      fields: name → kind, see the module's docstring.
      total: number of examples, for the progress bar (shown on a terminal).
      shard_bytes: a new shard starts when one has grown to this size.

    Returns:
      The part's entry of the manifest:
      {"count", "fields", "shards": [{"file", "records", "bytes", "sha256"}]}.

    Raises:
      OSError: the disk is full or read-only; nothing is left behind.
    """
    prefix = pathlib.Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    label = f"{prefix.parent.name}/{prefix.name}"
    shards: list[ShardWriter] = []
    try:
        for example in progress(examples, label, "record", total):
            if not shards or shards[-1].size >= shard_bytes:
                if shards:
                    shards[-1].close()
                name = f".{prefix.name}-{len(shards):05d}.tfrecord"
                shards.append(ShardWriter(prefix.with_name(name)))
            shards[-1].write(_serialize(example, fields))
        if shards:
            shards[-1].close()
        entries = _rename(shards, prefix)
    except BaseException:
        for shard in shards:
            shard.remove()
        raise
    return {
        "count": sum(entry["records"] for entry in entries),
        "fields": dict(fields),
        "shards": entries,
    }


def _rename(
    shards: list[ShardWriter],
    prefix: pathlib.Path,
) -> list[dict[str, Any]]:
    """Gives complete shards their names; returns their entries of the manifest."""
    entries = []
    for number, shard in enumerate(shards):
        name = f"{prefix.name}-{number:05d}-of-{len(shards):05d}.tfrecord"
        entries.append(shard.rename(prefix.with_name(name)))
    return entries


class Part:
    """Random access to one part of a prepared data set.

    Attributes:
      name: such as "train/images".
      fields: name → kind, see the module's docstring.
    """

    def __init__(
        self,
        prepared_dir: PathLike,
        manifest: Mapping[str, Any],
        name: str,
    ) -> None:
        """Maps the files of a part into memory.

        Args:
          prepared_dir: the prepared folder.
          manifest: its manifest.
          name: such as "train/images".

        Raises:
          UserError: there is no such part, a file is missing, or its size or fields are not as the
            manifest says.
        """
        if name not in manifest["parts"]:
            known = ", ".join(sorted(manifest["parts"]))
            raise UserError(f"{prepared_dir}: has no part {name}; it has {known}")
        entry = manifest["parts"][name]
        self.name = name
        self.fields: dict[str, Any] = entry["fields"]

        counts = [shard["records"] for shard in entry["shards"]]
        self._starts = np.array([0, *itertools.accumulate(counts)], np.int64)
        self._files: list[pathlib.Path] = []
        self._maps: list[mmap.mmap] = []
        self._offsets: list[np.ndarray] = []
        for shard in entry["shards"]:
            self._open(pathlib.Path(prepared_dir) / shard["file"], shard)
        if len(self):
            self._require_fields(f"{prepared_dir}: part {name}")

    def _open(
        self,
        path: pathlib.Path,
        shard: Mapping[str, Any],
    ) -> None:
        """Maps one shard, whose entry of the manifest is `shard`."""
        index = path.with_suffix(".index")
        _check_size(path, shard["bytes"])
        _check_size(index, 8 * shard["records"])
        with open(path, "rb") as file:
            self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        offsets = np.fromfile(index, "<i8")
        self._files.append(path)
        self._offsets.append(np.append(offsets, shard["bytes"]))

    def _require_fields(self, where: str) -> None:
        """Raises UserError unless the first record, if undamaged, has the manifest's fields."""
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

    def __len__(self) -> int:
        """The number of records N."""
        return int(self._starts[-1])

    def read(self, indices: Any) -> np.ndarray:
        """Reads serialized examples.

        Args:
          indices: int array [B].

        Returns:
          Object array [B] of bytes.

        Raises:
          UserError: a record's checksum is wrong; names the file and the record.
        """
        indices = np.asarray(indices)
        shards = np.searchsorted(self._starts, indices, side="right") - 1
        rows = indices - self._starts[shards]
        places = zip(shards.tolist(), rows.tolist(), strict=True)
        found = [self._record(shard, row) for shard, row in places]
        return np.array(found, object)

    def _record(
        self,
        shard: int,
        row: int,
    ) -> bytes:
        """The data of one record of a shard; UserError when its checksum is wrong."""
        start, stop = self._offsets[shard][row : row + 2].tolist()
        framed = self._maps[shard][start:stop] if 0 <= start < stop else b""
        data = unframe(framed)
        if data is None:
            raise UserError(
                f"{self._files[shard]}: record {row} is damaged (its checksum is wrong); prepare "
                "the data set again"
            )
        return data

    def batch(self, indices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads and parses records inside a TensorFlow graph.

        Args:
          indices: int64 [B].

        Returns:
          Name of a field → tensor: "bytes" fields are string [B], "int64" fields int64 [B], arrays
          [B, *shape] of their dtype.
        """
        serialized = tf.numpy_function(self.read, [indices], tf.string, stateful=False)
        serialized.set_shape(indices.shape)
        spec = {}
        for name, kind in self.fields.items():
            dtype = tf.int64 if kind == "int64" else tf.string
            spec[name] = tf.io.FixedLenFeature([], dtype)
        parsed = tf.io.parse_example(serialized, spec)

        for name, kind in self.fields.items():
            if isinstance(kind, dict):
                flat = _decode(parsed[name], kind["dtype"], _array_bytes(kind))
                parsed[name] = tf.reshape(flat, [-1, *kind["shape"]])
                parsed[name].set_shape([indices.shape[0], *kind["shape"]])
        return parsed

    def rows(self, indices: Any) -> dict[str, tf.Tensor]:
        """Reads the records at `indices`, int [B], eagerly; see `batch`."""
        return self.batch(tf.constant(indices, tf.int64))

    def one(self, row: int) -> dict[str, tf.Tensor]:
        """Reads one record eagerly: name of a field → scalar, or array [*shape]."""
        return {name: values[0] for name, values in self.rows([row]).items()}

    def all(
        self,
        name: str,
        chunk: int = 4096,
    ) -> np.ndarray:
        """Every value of one field.

        Args:
          name: of the field.
          chunk: records that are read at once.

        Returns:
          Array [N, ...]; of "bytes" an object array of bytes.
        """
        found = []
        for start in range(0, len(self), chunk):
            rows = tf.range(start, min(start + chunk, len(self)), dtype=tf.int64)
            found.append(self.batch(rows)[name].numpy())
        return np.concatenate(found)


def _fits(feature: tf.train.Feature, kind: Any) -> bool:
    """Whether a `tf.train.Feature` holds one value of a kind of field."""
    if kind == "int64":
        return len(feature.int64_list.value) == 1
    sizes = [len(value) for value in feature.bytes_list.value]
    return len(sizes) == 1 and (kind == "bytes" or sizes[0] == _array_bytes(kind))


def _decode(
    strings: tf.Tensor,
    dtype: str,
    length: int,
) -> tf.Tensor:
    """Decodes raw numbers, string [B] of `length` bytes each → `dtype` [B, n]."""
    if dtype == "float16":  # TensorFlow decodes rows of a fixed length to every type but this
        bits = tf.io.decode_raw(strings, tf.uint16, fixed_length=length)
        return tf.bitcast(bits, tf.float16)
    return tf.io.decode_raw(strings, dtype, fixed_length=length)


def _array_bytes(kind: Mapping[str, Any]) -> int:
    """Bytes that an array of this kind of field takes."""
    numbers = np.prod(kind["shape"], dtype=np.int64)
    return int(np.dtype(kind["dtype"]).itemsize * numbers)


def _check_size(path: pathlib.Path, size: int) -> None:
    """Raises UserError unless there is a file of `size` bytes."""
    found = path.stat().st_size if path.is_file() else None
    if found == size:
        return
    state = "is missing" if found is None else f"has {found:,} bytes instead of {size:,}"
    raise UserError(f"{path}: {state}; prepare the data set again (tfvse prepare --overwrite)")
