"""Images with a class for every pixel: how they are written, and how they are read.

The part of a split is `<split>/examples` {id, picture: bytes of a JPEG or PNG, labels: bytes of a
grey PNG, whose numbers are the classes, or `VOID`}. The manifest lists the "classes" and their
"colours" (RGB, to draw with).
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfvse.data import base, records, verification
from tfvse.data.formats import images
from tfvse.data.kinds import examples
from tfvse.data.pipeline import TrainSet
from tfvse.data.records import IMAGE_FIELD
from tfvse.metrics.segmentation import VOID
from tfvse.preprocessing.decode import decode_image
from tfvse.preprocessing.patches import random_patch, squeeze

FIELDS = {"id": "bytes", IMAGE_FIELD: "bytes", "labels": "bytes"}


@dataclasses.dataclass(frozen=True)
class LabelledPixels:
    """An image and its label map.

    Attributes:
      id: its name, unique in the data set.
      image: path or bytes of its file.
      labels: path or bytes of a grey or palette PNG.
    """

    id: str
    image: pathlib.Path | bytes
    labels: pathlib.Path | bytes


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[LabelledPixels]],
    classes: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
    findings: verification.Findings,
    void: int = VOID,
) -> dict[str, Any]:
    """Verifies images and their label maps, then writes them.

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
      UserError: something is wrong and may not be left out, or a split has no usable image.
    """
    written = examples.write(
        folder,
        splits,
        FIELDS,
        functools.partial(_record, void=void),
        findings,
        functools.partial(_problem, count=len(classes), void=void),
        "label map",
    )
    return {
        "kind": "segmentation",
        **written,
        "classes": list(classes),
        "colours": [list(map(int, colour)) for colour in colours],
    }


def _problem(
    entry: LabelledPixels,
    count: int,
    void: int,
) -> str | None:
    """What is wrong with the label map of a good image, in one sentence.

    Args:
      entry: the image with its label map.
      count: number of classes.
      void: the label of void in the file.
    """
    place = entry.id if isinstance(entry.labels, bytes) else entry.labels
    where = f"{place}: label map"
    try:
        labels = images.read_labels(entry.labels)
    except images.BadImage as problem:
        return f"{where} {problem}"

    size = tuple(decode_image(images.read(entry.image)).shape[:2])
    if labels.shape != size:
        found = f"{labels.shape[1]} x {labels.shape[0]}"
        wanted = f"{size[1]} x {size[0]}"
        return f"{where} is {found} pixels, must be {wanted} as its image is"

    odd = labels[(labels >= count) & (labels != void)]
    if odd.size:
        return (
            f"{where} has the label {odd[0]}, must be one of 0 ... {count - 1}, or {void} for void"
        )
    return None


def _record(
    entry: LabelledPixels,
    void: int,
) -> dict[str, bytes]:
    """The record of one image; see `_problem`."""
    labels = images.read_labels(entry.labels)
    labels[labels == void] = VOID
    return {
        "id": entry.id.encode(),
        IMAGE_FIELD: images.read(entry.image),
        "labels": images.encode_png(labels),
    }


@dataclasses.dataclass(frozen=True)
class SegmentationView(base.View):
    """What training may see of labelled pixels.

    Attributes:
      resize_to: side in pixels that images are squeezed to before; 0: as they are.
      patch_size: side in pixels of the random part that training sees.
      mirror: whether half of the parts are mirrored.
    """

    kind: ClassVar[str] = "segmentation"

    resize_to: int
    patch_size: int
    mirror: bool = True


class SegmentationData(base.PreparedData):
    """A prepared data set of labelled pixels, seen through a `SegmentationView`.

    Attributes:
      classes: names, by label.
      colours: uint8 [C, 3], by label.
    """

    kind = "segmentation"

    def __init__(
        self,
        prepared_dir: pathlib.Path,
        manifest: dict[str, Any],
        view: SegmentationView,
    ) -> None:
        """See `PreparedData`.

        Raises:
          UserError: there is no training split.
        """
        super().__init__(prepared_dir, manifest, view)
        self.require_split("train")
        self.classes: list[str] = manifest["classes"]
        self.colours = np.array(manifest["colours"], np.uint8)

    @functools.cached_property
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        """Of a batch: "image" float32 [B, S, S, 3] in 0 … 255, "labels" uint8 [B, S, S]."""
        side = self.view.patch_size
        return {
            "image": tf.TensorSpec([None, side, side, 3], tf.float32),
            "labels": tf.TensorSpec([None, side, side], tf.uint8),
        }

    def split(self, name: str) -> "SegmentationSplit":
        """The split "train", "val" or "test"; UserError when there is no such split."""
        self.require_split(name)
        return SegmentationSplit(self, name)

    def train_set(self) -> TrainSet:
        """Random parts of the training images."""
        part = self.split("train").part
        spec = examples.one_of(self.element_spec)

        def fetch(
            indices: tf.Tensor,
            noise: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """See `TrainSet`."""
            batch = part.batch(indices[:, 0])
            entries = {
                "image": batch[IMAGE_FIELD],
                "labels": batch["labels"],
                "noise": noise,
            }
            return tf.map_fn(self._patch, entries, fn_output_signature=spec)

        return TrainSet((len(part),), fetch, self.element_spec)

    def _patch(self, entry: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """A random part of one image: "image" and "labels", string scalars, and "noise" [8]."""
        view = self.view
        image, labels = _decode(entry["image"], entry["labels"])
        image = tf.cast(image, tf.float32)
        labels = labels[..., tf.newaxis]
        if view.resize_to:
            image, labels = squeeze(image, labels, view.resize_to)
        image, labels = random_patch(
            image,
            labels,
            view.patch_size,
            VOID,
            entry["noise"],
            view.mirror,
        )
        return {"image": image, "labels": labels[..., 0]}


class SegmentationSplit:
    """One split: whole images at their own sizes, in its order.

    Attributes:
      name: "train", "val" or "test".
      part: `records.Part` of the examples.
    """

    def __init__(self, data: SegmentationData, name: str) -> None:
        """Refers to the split called `name` of `data`."""
        self.name = name
        self.part = records.Part(data.prepared_dir, data.manifest, f"{name}/examples")

    def __len__(self) -> int:
        """The number of images N."""
        return len(self.part)

    def read(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads one row: (image uint8 [H, W, 3], labels uint8 [H, W])."""
        image, labels = self._decoded(row)
        return image.numpy(), labels.numpy()

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What `read` gives for every row."""
        return map(self.read, range(len(self)))

    def squeezed(
        self,
        rows: Iterable[int],
        size: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Images and label maps that are scaled to one size, whatever their aspect ratio.

        Args:
          rows: int [n].
          size: height and width.

        Returns:
          (images float32 [n, size, size, 3] in 0 … 255, labels uint8 [n, size, size]).
        """
        image_list = []
        label_list = []
        for row in rows:
            image, labels = self._decoded(row)
            image = tf.cast(image, tf.float32)
            image, labels = squeeze(image, labels[..., tf.newaxis], size)
            image_list.append(image.numpy())
            label_list.append(labels.numpy()[..., 0])
        return np.stack(image_list), np.stack(label_list)

    def encoded(self, row: int) -> bytes:
        """The bytes of one image, a JPEG or PNG file."""
        return self.part.one(row)[IMAGE_FIELD].numpy()

    def _decoded(self, row: int) -> tuple[tf.Tensor, tf.Tensor]:
        """(image uint8 [H, W, 3], labels uint8 [H, W]) of one row, as tensors."""
        record = self.part.one(row)
        return _decode(record[IMAGE_FIELD], record["labels"])


def _decode(
    image: tf.Tensor,
    labels: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes an image and its label map, string scalars → uint8 [H, W, 3] and [H, W]."""
    return decode_image(image), tf.io.decode_png(labels, channels=1)[..., 0]
