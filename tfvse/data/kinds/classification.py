"""Images with one class each: how they are written, and how training and evaluation read them.

The part of a split is `<split>/examples`. It holds small images of one size as pixels
{image: uint8 [H, W, 3], label: int64}, or images of any size as files
{id, picture: bytes of a JPEG or PNG, label: int64}. The manifest lists the "classes".
"""

import collections
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
from tfvse.errors import UserError
from tfvse.preprocessing.views import Framing

PADDING = 4  # pixels on every side of a small image before a random crop
IMAGE_FIELDS = {"id": "bytes", IMAGE_FIELD: "bytes", "label": "int64"}


def write_pixels(
    folder: pathlib.Path,
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str],
    findings: verification.Findings,
) -> dict[str, Any]:
    """Verifies and writes labelled images of one size.

    Args:
      folder: where to.
      splits: split → (uint8 [N, H, W, 3], int labels [N] in 0 … len(classes) - 1).
      classes: names, in the order of the labels.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: labels without a class, no image, or another number of labels than of images.
    """
    _check(splits, classes, findings)
    findings.settle()
    counts = {}
    parts = {}
    for split, (pixels, labels) in splits.items():
        part = records.write(
            folder / split / "examples",
            _pixel_records(pixels, labels),
            {"image": {"dtype": "uint8", "shape": list(pixels.shape[1:])}, "label": "int64"},
            total=len(pixels),
        )
        parts[f"{split}/examples"] = part
        counts[split] = {"examples": part["count"]}
    return {
        "kind": "classification",
        "splits": counts,
        "parts": parts,
        "classes": list(classes),
        "left_out": findings.left_out,
        "remarks": findings.remarks,
    }


@dataclasses.dataclass(frozen=True)
class LabelledImage:
    """An image with its class.

    Attributes:
      id: its name, unique in the data set.
      image: path or bytes of its file.
      label: number of its class.
    """

    id: str
    image: pathlib.Path | bytes
    label: int


def write_images(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[LabelledImage]],
    classes: Sequence[str],
    findings: verification.Findings,
) -> dict[str, Any]:
    """Verifies and writes labelled images of any size, as the files they are.

    Args:
      folder: where to.
      splits: split → images with labels in 0 … len(classes) - 1, gone through twice.
      classes: names, in the order of the labels.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable image.
    """
    written = examples.write(folder, splits, IMAGE_FIELDS, _record, findings)
    return {"kind": "classification", **written, "classes": list(classes)}


def _pixel_records(
    pixels: np.ndarray,
    labels: np.ndarray,
) -> Iterator[dict[str, Any]]:
    """Records of images uint8 [N, H, W, 3] with labels int [N]."""
    for image, label in zip(pixels, labels, strict=True):
        yield {"image": image, "label": label}


def _record(entry: LabelledImage) -> dict[str, Any]:
    """The record of one image that is kept as a file."""
    return {
        "id": entry.id.encode(),
        IMAGE_FIELD: images.read(entry.image),
        "label": entry.label,
    }


def _check(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str],
    findings: verification.Findings,
) -> None:
    """Checks the labels, and looks for the same image in two splits; see `write_pixels`."""
    seen: dict[bytes, str] = {}
    for split, (pixels, labels) in splits.items():
        if not len(pixels) or len(pixels) != len(labels):
            raise UserError(
                f"the split {split} has {len(pixels):,} images and {len(labels):,} labels"
            )
        if labels.min() < 0 or labels.max() >= len(classes):
            raise UserError(f"the split {split} has a label outside 0 ... {len(classes) - 1}")
        doubles = collections.Counter(seen.setdefault(image.tobytes(), split) for image in pixels)
        for first, count in doubles.items():
            if first != split:
                findings.remark(
                    f"{count:,} images of {split} are in {first} as well (the same pixels)"
                )


@dataclasses.dataclass(frozen=True)
class ClassificationView(base.View):
    """What training may see of labelled images.

    Attributes:
      augment: whether training sees random parts, half of them mirrored, instead of central ones.
      resize_to: side in pixels that images are scaled to; read with `crop` alone.
      crop: side in pixels of the part that the network sees; 0: images as they are stored.
    """

    kind: ClassVar[str] = "classification"

    augment: bool = False
    resize_to: int = 0
    crop: int = 0


class ClassificationData(base.PreparedData):
    """A prepared data set of labelled images, seen through a `ClassificationView`.

    Attributes:
      classes: names, by label.
    """

    kind = "classification"

    def __init__(
        self,
        prepared_dir: pathlib.Path,
        manifest: dict[str, Any],
        view: ClassificationView,
    ) -> None:
        """See `PreparedData`."""
        super().__init__(prepared_dir, manifest, view)
        self.classes: list[str] = manifest["classes"]

    @functools.cached_property
    def framing(self) -> Framing:
        """The part of an image that the network sees.

        Raises:
          UserError: the images have no size in common, and the view sets none.
        """
        view = self.view
        if view.crop:
            return Framing((view.resize_to,) * 2, (view.crop,) * 2)
        part = next(iter(self.manifest["parts"].values()))
        if "image" not in part["fields"]:
            raise UserError(
                f"--crop=0: {self.prepared_dir} holds images of any size; set --resize_to and "
                "--crop"
            )
        height, width = part["fields"]["image"]["shape"][:2]
        size = (height, width)
        return Framing(size, size, PADDING)

    @functools.cached_property
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        """Of a training batch: "image" float32 [B, H, W, 3] in 0 … 255, "label" int64 [B]."""
        return {
            "image": tf.TensorSpec([None, *self.framing.seen, 3], tf.float32),
            "label": tf.TensorSpec([None], tf.int64),
        }

    def split(
        self,
        name: str,
        framing: Framing | None = None,
    ) -> "ClassificationSplit":
        """One split.

        Args:
          name: "train", "val" or "test".
          framing: another part of the images than the data set's own.

        Raises:
          UserError: there is no such split.
        """
        self.require_split(name)
        return ClassificationSplit(self, name, framing or self.framing)

    def train_set(self) -> TrainSet:
        """The training images: random parts of them with `augment`, else central ones."""
        train = self.split("train")

        def fetch(
            indices: tf.Tensor,
            noise: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """See `TrainSet`."""
            batch = train.part.batch(indices[:, 0])
            scaled = train.scaled(batch)
            if self.view.augment:
                image = self.framing.random(scaled, noise)
            else:
                image = self.framing.central(scaled)
            return {"image": image, "label": batch["label"]}

        return TrainSet((len(train),), fetch, self.element_spec)


class ClassificationSplit:
    """One split, seen through a `Framing`.

    Attributes:
      name: "train", "val" or "test".
      framing: the part of an image that the network sees.
      part: `records.Part` of the examples.
    """

    def __init__(
        self,
        data: ClassificationData,
        name: str,
        framing: Framing,
    ) -> None:
        """Refers to the split called `name` of `data`."""
        self.name = name
        self.framing = framing
        self.part = records.Part(data.prepared_dir, data.manifest, f"{name}/examples")

    def __len__(self) -> int:
        """The number of images N."""
        return len(self.part)

    def scaled(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Scales a batch of the part's records, in a graph.

        Args:
          batch: field → tensor of shape [B, …].

        Returns:
          float32 [B, H, W, 3] in 0 … 255, of the size `framing.scaled`.
        """
        if "image" in batch:
            return self.framing.scale(batch["image"])
        spec = tf.TensorSpec([*self.framing.scaled, 3], tf.float32)
        return tf.map_fn(self.framing.decode, batch[IMAGE_FIELD], fn_output_signature=spec)

    def read(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        """Reads some images.

        Args:
          rows: int [n].

        Returns:
          (central parts float32 [n, H, W, 3] in 0 … 255, labels int64 [n]).
        """
        batch = self.part.rows(rows)
        central = self.framing.central(self.scaled(batch))
        return central.numpy(), batch["label"].numpy()

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All of the split in its order: what `read` gives for every `size` rows.

        Yields:
          (central parts float32 [n, H, W, 3] in 0 … 255, labels int64 [n]); n is `size`, or fewer
          in the last batch.
        """
        for start in range(0, len(self), size):
            yield self.read(np.arange(start, min(start + size, len(self))))

    def ids(self) -> list[str]:
        """Names of the images; only of images that are kept as files."""
        return [name.decode() for name in self.part.all("id", chunk=256).tolist()]

    def encoded(self, row: int) -> bytes:
        """The bytes of one image as a file; a PNG where the set holds pixels."""
        record = self.part.one(row)
        if "image" in record:
            return images.encode_png(record["image"].numpy())
        return record[IMAGE_FIELD].numpy()
