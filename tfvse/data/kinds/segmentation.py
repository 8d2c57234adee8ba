"""Pictures with a class for every pixel: how they are written, and how training and evaluation read them.

The part of a split is `<split>/examples` {id, picture: bytes of a JPEG or PNG, labels: bytes of a grey PNG, whose
numbers are the classes, or `VOID`}. The manifest lists the "classes" and their "colours" (RGB, to draw with).
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfvse.data import manifest, records, verification
from tfvse.data.formats import images
from tfvse.data.kinds import examples
from tfvse.data.pipeline import TrainSet
from tfvse.metrics.segmentation import VOID
from tfvse.preprocessing.decode import decode_image
from tfvse.preprocessing.patches import random_patch, squeeze

FIELDS = {"id": "bytes", "picture": "bytes", "labels": "bytes"}


@dataclasses.dataclass(frozen=True)
class LabelledPixels:
    """A picture and its label map, a grey or palette PNG (path or bytes each); `id` is unique in the data set."""

    id: str
    picture: pathlib.Path | bytes
    labels: pathlib.Path | bytes


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[LabelledPixels]],
    classes: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
    findings: verification.Findings,
    void: int = VOID,
) -> dict:
    """Verifies pictures and their label maps, then writes them.

    Args:
      folder: where to.
      splits: split → entries, gone through three times.
      classes: names, in the order of the labels; at most 255.
      colours: RGB in 0 … 255 for each class.
      findings: with what the reader of the data set has already found.
      void: the label of void in the data set's own files.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable picture.
    """
    record = functools.partial(_record, void=void)
    problem = functools.partial(_problem, count=len(classes), void=void)
    return {
        "kind": "segmentation",
        **examples.write(folder, splits, FIELDS, record, findings, problem, "label map"),
        "classes": list(classes),
        "colours": [list(map(int, colour)) for colour in colours],
    }


def _problem(entry, count, void):
    """What is wrong with the label map of a good picture, in one sentence, or None."""
    where = (
        f"{entry.id}: label map"
        if isinstance(entry.labels, bytes)
        else f"{entry.labels}: label map"
    )
    try:
        labels = images.read_labels(entry.labels)
    except images.BadPicture as problem:
        return f"{where} {problem}"
    size = tuple(decode_image(images.read(entry.picture)).shape[:2])
    if labels.shape != size:
        return "{} is {} x {} pixels, must be {} x {} as its picture is".format(
            where, *labels.shape[::-1], *size[::-1]
        )
    odd = labels[(labels >= count) & (labels != void)]
    if odd.size:
        return (
            f"{where} has the label {odd[0]}, must be one of 0 ... {count - 1}, or {void} for void"
        )
    return None


def _record(entry, void):
    labels = images.read_labels(entry.labels)
    labels[labels == void] = VOID
    return {
        "id": entry.id.encode(),
        "picture": images.read(entry.picture),
        "labels": images.encode_png(labels),
    }


class SegmentationData:
    """A prepared data set of labelled pixels.

    Reads the config's `data`, `prepared_dir`, `resize_to`, `patch_size` and `mirror`.

    Attributes:
      manifest: dict.
      classes, colours: names and uint8 [C, 3], by label.
      element_spec: of a training batch: "image" float32 [B, S, S, 3] in 0 … 255, "labels" uint8 [B, S, S].
      checksum: digest of what training reads.
    """

    kind = "segmentation"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        self.classes, self.colours = found["classes"], np.array(found["colours"], np.uint8)
        manifest.require_split(found, "train", self.prepared_dir)
        self.checksum = manifest.checksum(found, ["train/examples"])
        image = tf.TensorSpec([None, config.patch_size, config.patch_size, 3], tf.float32)
        self.element_spec = {"image": image, "labels": tf.TensorSpec(image.shape[:3], tf.uint8)}

    def split(self, split):
        """`SegmentationSplit` of "train", "val" or "test"; UserError when there is no such split."""
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return SegmentationSplit(self, split)

    def train_set(self):
        """`TrainSet` of random parts of the pictures, squeezed before where the config says `resize_to`."""
        part, config = self.split("train").part, self.config
        spec = {
            name: tf.TensorSpec(spec.shape[1:], spec.dtype)
            for name, spec in self.element_spec.items()
        }

        def one(entry):
            picture, labels = _decode(entry["picture"], entry["labels"])
            picture, labels = tf.cast(picture, tf.float32), labels[..., tf.newaxis]
            if config.resize_to:
                picture, labels = squeeze(picture, labels, config.resize_to)
            picture, labels = random_patch(
                picture, labels, config.patch_size, VOID, entry["noise"], config.mirror
            )
            return {"image": picture, "labels": labels[..., 0]}

        def fetch(indices, noise):
            batch = part.batch(indices[:, 0])
            encoded = {name: batch[name] for name in ("picture", "labels")}
            return tf.map_fn(one, {**encoded, "noise": noise}, fn_output_signature=spec)

        return TrainSet((len(part),), fetch, self.element_spec)


class SegmentationSplit:
    """One split: whole pictures at their own sizes, in its order."""

    def __init__(self, data, split):
        self.name = split
        self.part = records.Part(data.prepared_dir, data.manifest, f"{split}/examples")

    def __len__(self):
        return len(self.part)

    def read(self, row):
        """(picture uint8 [H, W, 3], labels uint8 [H, W]) of one row."""
        return tuple(tensor.numpy() for tensor in self._decoded(row))

    def __iter__(self):
        return map(self.read, range(len(self)))

    def squeezed(self, rows, size):
        """(pictures float32 [n, size, size, 3] in 0 … 255, labels uint8 [n, size, size]) of `rows`, int [n]."""
        found = []
        for picture, labels in map(self._decoded, rows):
            picture, labels = squeeze(tf.cast(picture, tf.float32), labels[..., tf.newaxis], size)
            found.append((picture.numpy(), labels.numpy()[..., 0]))
        return tuple(map(np.stack, zip(*found, strict=True)))

    def encoded(self, row):
        """JPEG or PNG bytes of one picture."""
        return self._entry(row)["picture"].numpy()[0]

    def _decoded(self, row):
        entry = self._entry(row)
        return _decode(entry["picture"][0], entry["labels"][0])

    def _entry(self, row):
        return self.part.batch(tf.constant([row], tf.int64))


def _decode(picture, labels):
    """String scalars → uint8 [H, W, 3] and [H, W]."""
    return decode_image(picture), tf.io.decode_png(labels, channels=1)[..., 0]
