"""Pictures with one class each: how they are written, and how training and evaluation read them.

The part of a split is `<split>/examples`: small pictures of one size as pixels {image: uint8 [H, W, 3], label: int64},
or pictures of any size as files {id, picture: bytes of a JPEG or PNG, label: int64}. The manifest lists the "classes".
"""

import collections
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
from tfvse.errors import UserError
from tfvse.preprocessing.views import View

PADDING = 4  # pixels on every side of a small picture before a random crop
PICTURE_FIELDS = {"id": "bytes", "picture": "bytes", "label": "int64"}


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
    parts = {}
    for split, (pixels, labels) in splits.items():
        fields = {"image": {"dtype": "uint8", "shape": list(pixels.shape[1:])}, "label": "int64"}
        examples = (
            {"image": image, "label": label} for image, label in zip(pixels, labels, strict=True)
        )
        parts[f"{split}/examples"] = records.write(
            folder / split / "examples", examples, fields, total=len(pixels)
        )
    return {
        "kind": "classification", "splits": {name.split("/")[0]: {"examples": p["count"]} for name, p in parts.items()},
        "parts": parts, "classes": list(classes), "left_out": findings.left_out, "remarks": findings.remarks,
    }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class LabelledPicture:
    """A picture (path or bytes) with the number of its class; `id` is unique in the data set."""

    id: str
    picture: pathlib.Path | bytes
    label: int


def write_pictures(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[LabelledPicture]],
    classes: Sequence[str],
    findings: verification.Findings,
) -> dict:
    """Verifies and writes labelled pictures of any size, as the files they are.

    Args:
      folder: where to.
      splits: split → pictures with labels in 0 … len(classes) - 1, gone through twice.
      classes: names, in the order of the labels.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable picture.
    """
    written = examples.write(folder, splits, PICTURE_FIELDS, _record, findings)
    return {"kind": "classification", **written, "classes": list(classes)}


def _record(entry):
    return {"id": entry.id.encode(), "picture": images.read(entry.picture), "label": entry.label}


def _check(splits, classes, findings):
    seen = {}
    for split, (pixels, labels) in splits.items():
        if not len(pixels) or len(pixels) != len(labels):
            raise UserError(
                f"the split {split} has {len(pixels):,} pictures and {len(labels):,} labels"
            )
        if labels.min() < 0 or labels.max() >= len(classes):
            raise UserError(f"the split {split} has a label outside 0 ... {len(classes) - 1}")
        doubles = collections.Counter(seen.setdefault(image.tobytes(), split) for image in pixels)
        for first, count in doubles.items():
            if first != split:
                findings.remark(
                    f"{count:,} pictures of {split} are in {first} as well (the same pixels)"
                )


class ClassificationData:
    """A prepared data set of labelled pictures.

    Reads the config's `data`, `prepared_dir`, `augment`, `resize_to` and `crop`.

    Attributes:
      manifest: dict.
      classes: names, by label.
      checksum: digest of what training reads; of everything where there is nothing to train on.
    """

    kind = "classification"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        self.classes = found["classes"]
        self.checksum = manifest.checksum(
            found, ["train/examples"] if "train" in found["splits"] else found["parts"]
        )

    @functools.cached_property
    def view(self):
        """`View` that the network has of the pictures; UserError where they have no size in common and none is set."""
        config = self.config
        if config.crop:
            return View((config.resize_to,) * 2, (config.crop,) * 2)
        fields = next(iter(self.manifest["parts"].values()))["fields"]
        if "image" not in fields:
            raise UserError(
                f"--crop=0: {self.prepared_dir} holds pictures of any size; set --resize_to and --crop"
            )
        size = tuple(fields["image"]["shape"][:2])
        return View(size, size, PADDING)

    @functools.cached_property
    def element_spec(self):
        """Of a training batch: "image" float32 [B, H, W, 3] in 0 … 255, "label" int64 [B]."""
        image = tf.TensorSpec([None, *self.view.seen, 3], tf.float32)
        return {"image": image, "label": tf.TensorSpec([None], tf.int64)}

    @property
    def last_split(self):
        """Name of the split that is furthest from training: "test", where there is one."""
        return manifest.splits(self.manifest)[-1]

    def split(self, split, view=None):
        """`ClassificationSplit` of "train", "val" or "test", in the data set's own or another `View`.

        Raises:
          UserError: there is no such split.
        """
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return ClassificationSplit(self, split, view or self.view)

    def train_set(self):
        """`TrainSet` of random parts of the training pictures when the config says `augment`, else of central ones."""
        train = self.split("train")

        def fetch(indices, noise):
            batch = train.part.batch(indices[:, 0])
            scaled = train.scaled(batch)
            image = (
                self.view.random(scaled, noise)
                if self.config.augment
                else self.view.central(scaled)
            )
            return {"image": image, "label": batch["label"]}

        return TrainSet((len(train),), fetch, self.element_spec)


class ClassificationSplit:
    """One split, seen through a `View`."""

    def __init__(self, data, split, view):
        self.name, self.view = split, view
        self.part = records.Part(data.prepared_dir, data.manifest, f"{split}/examples")

    def __len__(self):
        return len(self.part)

    def scaled(self, batch):
        """float32 [B, *view.scaled, 3] of a batch of the part's records, in TensorFlow ops."""
        if "image" in batch:
            return self.view.scale(batch["image"])
        spec = tf.TensorSpec([*self.view.scaled, 3], tf.float32)
        return tf.map_fn(self.view.decode, batch["picture"], fn_output_signature=spec)

    def read(self, rows):
        """(central parts of pictures float32 [n, H, W, 3] in 0 … 255, labels int64 [n]) of `rows`, int [n]."""
        batch = self.part.batch(tf.constant(rows, tf.int64))
        return self.view.central(self.scaled(batch)).numpy(), batch["label"].numpy()

    def batches(self, size):
        """All of the split in its order: what `read` gives for every `size` rows."""
        for start in range(0, len(self), size):
            yield self.read(np.arange(start, min(start + size, len(self))))

    def ids(self):
        """Names of the pictures, list of str; only of pictures that are kept as files."""
        return [name.decode() for name in self.part.all("id", chunk=256).tolist()]
