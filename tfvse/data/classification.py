"""Small pictures with one class each: how they are written, and how training and evaluation read them.

The part of a split is `<split>/examples` {image: uint8 [H, W, 3], label: int64}; the manifest lists the "classes".
"""

import collections
import functools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfvse.data import manifest, records, verification
from tfvse.data.pipeline import TrainSet
from tfvse.errors import UserError

PADDING = 4  # pixels on every side before a random crop


def write(
    folder: pathlib.Path,
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str],
    findings: verification.Findings,
) -> dict:
    """Verifies and writes labelled pictures of one size.

    Args:
      folder: where to.
      splits: split → (uint8 [N, H, W, 3], int labels [N] in 0 … len(classes) - 1).
      classes: names, in the order of the labels.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: labels without a class, no picture, or another number of labels than of pictures.
    """
    _check(splits, classes, findings)
    findings.settle()
    counts, parts = {}, {}
    for split, (images, labels) in splits.items():
        fields = {"image": {"dtype": "uint8", "shape": list(images.shape[1:])}, "label": "int64"}
        examples = ({"image": image, "label": label} for image, label in zip(images, labels, strict=True))
        parts[f"{split}/examples"] = records.write(folder / split / "examples", examples, fields, total=len(images))
        counts[split] = {"examples": len(images)}
    return {
        "kind": "classification", "splits": counts, "parts": parts, "classes": list(classes),
        "left_out": findings.left_out, "remarks": findings.remarks,
    }  # fmt: skip


def _check(splits, classes, findings):
    seen = {}
    for split, (images, labels) in splits.items():
        if not len(images) or len(images) != len(labels):
            raise UserError(f"the split {split} has {len(images):,} pictures and {len(labels):,} labels")
        if labels.min() < 0 or labels.max() >= len(classes):
            raise UserError(f"the split {split} has a label outside 0 ... {len(classes) - 1}")
        doubles = collections.Counter(seen.setdefault(image.tobytes(), split) for image in images)
        for first, count in doubles.items():
            if first != split:
                findings.remark(f"{count:,} pictures of {split} are in {first} as well (the same pixels)")


class ClassificationData:
    """A prepared data set of labelled pictures. Reads the config's `data`, `prepared_dir` and `augment`.

    Attributes:
      manifest: dict.
      classes: names, by label.
      element_spec: of a training batch: "image" float32 [B, H, W, 3] in 0 … 255, "label" int64 [B].
      checksum: digest of what training reads.
    """

    kind = "classification"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        self.classes = found["classes"]
        manifest.require_split(found, "train", self.prepared_dir)
        shape = found["parts"]["train/examples"]["fields"]["image"]["shape"]
        self.element_spec = {
            "image": tf.TensorSpec([None, *shape], tf.float32),
            "label": tf.TensorSpec([None], tf.int64),
        }
        self.checksum = manifest.checksum(found, ["train/examples"])

    def split(self, split):
        """`ClassificationSplit` of "train", "val" or "test"; UserError when there is no such split."""
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return ClassificationSplit(self, split)

    def train_set(self):
        """`TrainSet` of the training pictures, shifted and mirrored at random when the config says `augment`."""
        part = self.split("train").part

        def fetch(indices, noise):
            batch = part.batch(indices[:, 0])
            images = tf.cast(batch["image"], tf.float32)
            return {"image": shift_and_flip(images, noise) if self.config.augment else images, "label": batch["label"]}

        return TrainSet((len(part),), fetch, self.element_spec)


class ClassificationSplit:
    """One split, in full: `images` uint8 [N, H, W, 3] and `labels` int64 [N]."""

    def __init__(self, data, split):
        self.name = split
        self.part = records.Part(data.prepared_dir, data.manifest, f"{split}/examples")

    @functools.cached_property
    def images(self):
        return self.part.all("image")

    @functools.cached_property
    def labels(self):
        return self.part.all("label")


def shift_and_flip(images, noise):
    """The usual augmentation of CIFAR: each picture moved by up to four pixels both ways and mirrored half of the time.

    What comes in at the border has the mean of the picture, which global contrast normalisation turns into zero: the
    literature pads normalised pictures with zeros.

    Args:
      images: float32 [B, H, W, 3].
      noise: float32 [B, 3 or more] in [0, 1).

    Returns:
      float32 [B, H, W, 3].
    """
    height, width = images.shape[1:3]
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    border = [[0, 0], [PADDING, PADDING], [PADDING, PADDING], [0, 0]]
    padded = tf.pad(images - mean, border) + mean
    start = tf.cast(noise[:, :2] * (2 * PADDING + 1), tf.int32)
    rows = start[:, :1] + tf.range(height)
    columns = start[:, 1:] + tf.range(width)
    columns = tf.where(noise[:, 2:3] < 0.5, columns, tf.reverse(columns, [1]))
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
