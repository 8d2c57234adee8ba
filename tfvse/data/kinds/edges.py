"""Images with the boundaries that people drew, as training and evaluation read them.

`data.kinds.edge_records` has the layout of the folder.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfvse.data import base, records
from tfvse.data.kinds import examples
from tfvse.data.kinds.edge_records import SIDES
from tfvse.data.pipeline import TrainSet
from tfvse.data.records import IMAGE_FIELD
from tfvse.errors import UserError
from tfvse.preprocessing import patches
from tfvse.preprocessing.decode import decode_image

# η of section 3.2.1: an edge map's thresholds in units of its mean.
MEAN_FACTORS = (0.5, 1.0, 1.5, 2.0, 2.5)
IGNORED = 2  # label of pixels that training does not look at
_LINE = 0.25  # of a resized line's brightness: what a thin line keeps when it is scaled to a half
_READ = (IMAGE_FIELD, "annotations", "annotators", "canny", "edge_map")  # fields, in training


@dataclasses.dataclass(frozen=True)
class EdgeView(base.View):
    """What training may see of images with boundaries.

    Attributes:
      resize_to: side in pixels that images are squeezed to before; 0: as they are.
      patch_size: side in pixels of the random part that training sees.
      mirror: whether half of the parts are mirrored.
      consensus: annotators that must agree on an edge.
      dilation: pixels by which the annotations are widened on every side.
      relaxed: what gives the relaxed labels: "none", "canny" or "edge_map".
    """

    kind: ClassVar[str] = "edges"

    resize_to: int
    patch_size: int
    mirror: bool = True
    consensus: int = 1
    dilation: int = 0
    relaxed: str = "none"


class EdgeData(base.PreparedData):
    """A prepared data set of boundaries, seen through an `EdgeView`."""

    kind = "edges"

    def __init__(
        self,
        prepared_dir: pathlib.Path,
        manifest: dict[str, Any],
        view: EdgeView,
    ) -> None:
        """See `PreparedData`."""
        super().__init__(prepared_dir, manifest, view)

    @functools.cached_property
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        """Of a training batch.

        "image" float32 [B, S, S, 3] in 0 … 255; "edges" uint8 [B, S, S], the ground truth: 1 edge,
        0 none, 2 ignored; "responses" uint8 [B, S, S, 5], the five binary responses of the detector
        that gives relaxed labels, all 0 without one.
        """
        side = self.view.patch_size
        return {
            "image": tf.TensorSpec([None, side, side, 3], tf.float32),
            "edges": tf.TensorSpec([None, side, side], tf.uint8),
            "responses": tf.TensorSpec([None, side, side, SIDES], tf.uint8),
        }

    def split(self, name: str) -> "EdgeSplit":
        """The split "train", "val" or "test"; UserError when there is no such split."""
        self.require_split(name)
        return EdgeSplit(self, name)

    def train_set(self) -> TrainSet:
        """Random parts of the training images."""
        part = self.split("train").part
        if self.view.relaxed == "edge_map" and not all(part.all("edge_map")):
            raise UserError(
                f"--relaxed=edge_map: {self.prepared_dir} was prepared without edge maps; prepare "
                "it with --edge_maps"
            )
        spec = examples.one_of(self.element_spec)

        def one(entry: tuple[dict[str, tf.Tensor], tf.Tensor]) -> dict[str, tf.Tensor]:
            """A record and its noise → an example."""
            record, numbers = entry
            return self._patch(record, numbers)

        def fetch(
            indices: tf.Tensor,
            noise: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """See `TrainSet`."""
            found = part.batch(indices[:, 0])
            entries = {name: found[name] for name in _READ}
            return tf.map_fn(one, (entries, noise), fn_output_signature=spec)

        return TrainSet((len(part),), fetch, self.element_spec)

    def _patch(
        self,
        record: dict[str, tf.Tensor],
        noise: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """A random part of one image, with noise float32 [8]; see `element_spec`."""
        view = self.view
        image = tf.cast(decode_image(record[IMAGE_FIELD]), tf.float32)
        drawings = _drawings(record["annotations"], record["annotators"])
        truth = dilate(consensus(drawings, view.consensus), view.dilation)
        maps = tf.concat([truth[..., None], self._responses(record)], -1)

        if view.resize_to:
            size = [view.resize_to] * 2
            image = tf.image.resize(image, size, antialias=True)
            lines = tf.image.resize(tf.cast(maps, tf.float32), size, antialias=True)
            maps = tf.cast(lines >= _LINE, tf.uint8)

        image, maps = patches.random_patch(
            image,
            maps,
            view.patch_size,
            IGNORED,
            noise,
            view.mirror,
        )
        return {"image": image, "edges": maps[..., 0], "responses": maps[..., 1:]}

    def _responses(self, record: dict[str, tf.Tensor]) -> tf.Tensor:
        """The responses of the detector that gives relaxed labels: uint8 [H, W, 5], 0 and 1."""
        if self.view.relaxed == "edge_map":
            strength = tf.cast(tf.io.decode_png(record["edge_map"], 1), tf.float32)
            thresholds = tf.reduce_mean(strength) * tf.constant(MEAN_FACTORS)
            return tf.cast(strength > thresholds, tf.uint8)
        bits = tf.io.decode_png(record["canny"], 1)
        masks = tf.constant([1 << bit for bit in range(SIDES)], tf.uint8)
        found = tf.bitwise.bitwise_and(bits, masks)
        return tf.cast((found > 0) & (self.view.relaxed == "canny"), tf.uint8)


class EdgeSplit:
    """One split: whole images at their own size, one at a time.

    Attributes:
      name: "train", "val" or "test".
      part: `records.Part` of the examples.
    """

    def __init__(self, data: EdgeData, name: str) -> None:
        """Refers to the split called `name` of `data`."""
        self.name = name
        self.part = records.Part(data.prepared_dir, data.manifest, f"{name}/examples")

    def __len__(self) -> int:
        """The number of images N."""
        return len(self.part)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, list[np.ndarray]]]:
        """What `read` gives for every row."""
        return map(self.read, range(len(self)))

    def read(self, row: int) -> tuple[str, np.ndarray, list[np.ndarray]]:
        """Reads one row: (id, image uint8 [H, W, 3], one bool [H, W] for each annotator)."""
        record = self.part.one(row)
        drawings = _drawings(record["annotations"], record["annotators"]).numpy().astype(bool)
        image = decode_image(record[IMAGE_FIELD]).numpy()
        return record["id"].numpy().decode(), image, list(drawings)

    def encoded(self, row: int) -> bytes:
        """The bytes of one image, a JPEG or PNG file."""
        return self.part.one(row)[IMAGE_FIELD].numpy()


def _drawings(
    encoded: tf.Tensor,
    annotators: tf.Tensor,
) -> tf.Tensor:
    """Decodes the drawings of all annotators, a string scalar: uint8 [A, H, W], 0 and 1."""
    stacked = tf.io.decode_png(encoded, 1)[..., 0]
    rows, width = tf.unstack(tf.shape(stacked, tf.int64))
    return tf.reshape(stacked, [annotators, rows // annotators, width])


def consensus(
    drawings: tf.Tensor,
    least: int,
) -> tf.Tensor:
    """Pixels that at least `least` annotators drew, or all where there are fewer (section 3.4.2).

    Args:
      drawings: uint8 [A, H, W], zeros and ones.
      least: number of annotators.

    Returns:
      uint8 [H, W], zeros and ones.
    """
    enough = tf.minimum(least, tf.shape(drawings)[0])
    count = tf.reduce_sum(tf.cast(drawings, tf.int32), axis=0)
    return tf.cast(count >= enough, tf.uint8)


def dilate(
    lines: tf.Tensor,
    radius: int,
) -> tf.Tensor:
    """Dilates lines with a square of 2 · radius + 1 pixels (section 3.4.1).

    Args:
      lines: uint8 [H, W], zeros and ones.
      radius: pixels on every side.

    Returns:
      uint8 [H, W], zeros and ones.
    """
    if not radius:
        return lines
    batch = tf.cast(lines, tf.float32)[None, ..., None]
    wide = tf.nn.max_pool2d(batch, 2 * radius + 1, 1, "SAME")
    return tf.cast(wide[0, ..., 0], tf.uint8)
