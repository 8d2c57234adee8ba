"""What the family of edge detectors exports: edge maps as PNGs, and the detector for LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfvse.evaluation import edges
from tfvse.export.graph import decode_bounded, map_images
from tfvse.export.litert import LiteRTModel
from tfvse.export.signature import Signature
from tfvse.systems.dense import spread

if TYPE_CHECKING:
    from tfvse.data.kinds.edges import EdgeData
    from tfvse.systems.edges import EdgeDetector, Example

LITERT_IMAGES = 10  # that a LiteRT file is measured on
CALIBRATION_IMAGES = 50  # of the training split, from which int8 ranges are taken
THRESHOLDS = 33  # of the measurement


def signature(system: EdgeDetector, data: EdgeData) -> Signature:
    """Image files of any size, string [B] → grey PNGs of that size, string [B], white at edges."""

    def one(encoded: tf.Tensor) -> tf.Tensor:
        """An image file, string scalar → a PNG file, string scalar."""
        image = tf.cast(decode_bounded(encoded), tf.float32)
        probabilities = system.probabilities(image[tf.newaxis])[0]
        levels = tf.cast(tf.round(255.0 * probabilities), tf.uint8)
        return tf.io.encode_png(levels[..., tf.newaxis])

    def predict(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"edges_bytes": map_images(one, image, tf.string)}

    split = data.split(data.held_out_split)
    _, image, _ = split.read(0)
    small = tf.io.encode_png(image[:37, :53]).numpy()
    inputs = {"image": ("string", (None,))}
    example = {"image": np.array([split.encoded(0), small], object)}
    return Signature(predict, inputs, example)


def litert_detector(system: EdgeDetector, data: EdgeData) -> LiteRTModel:
    """The detector at the training size: float32 [1, S, S, 3] in 0 … 255 → [1, S, S] in 0 … 1.

    It is measured by ODS on the middles of `LITERT_IMAGES` images that show an edge.
    """
    side = system.config.patch_size
    train = data.split("train")
    seen = []
    for row in spread(len(train), CALIBRATION_IMAGES):
        name, image, drawings = train.read(row)
        _, cut_image, _ = middle(name, image, drawings, side)
        seen.append(cut_image)

    last = data.split(data.held_out_split)
    measured = []
    for row in spread(len(last), LITERT_IMAGES):
        name, image, drawings = last.read(row)
        example = middle(name, image, drawings, side)
        if any(drawing.any() for drawing in example[2]):
            measured.append(example)

    return LiteRTModel(
        function=system.probabilities,
        shape=(side, side, 3),
        representative=np.stack(seen).astype("float32"),
        metric=_ods(measured),
    )


def _ods(examples: Sequence[Example]) -> Callable[[Callable], tuple[str, float]]:
    """The metric of `LiteRTModel` on (name, image uint8 [S, S, 3], drawings)."""

    def measure(run: Callable[[np.ndarray], np.ndarray]) -> tuple[str, float]:
        images = np.stack([image for _, image, _ in examples])
        maps = run(images.astype("float32"))
        detected = []
        for example, edge_map in zip(examples, maps, strict=True):
            name, _, drawings = example
            detected.append((name, edge_map, drawings))
        result = edges.evaluate(detected, thresholds=THRESHOLDS, bootstrap_samples=0)
        return "ODS", result.metrics["ODS"]

    return measure


def middle(
    name: str,
    image: np.ndarray,
    drawings: Sequence[np.ndarray],
    side: int,
) -> Example:
    """An example cut to its middle side x side pixels; smaller ones are mirrored at their edges.

    Args:
      name: of the image.
      image: uint8 [H, W, 3].
      drawings: of its annotators, [H, W] each.
      side: in pixels.
    """
    below = max(side - image.shape[0], 0)
    right = max(side - image.shape[1], 0)
    border = [(0, below), (0, right)]

    def cut(whole: np.ndarray, border: Sequence[tuple[int, int]]) -> np.ndarray:
        whole = np.pad(whole, border, mode="symmetric")
        top = (whole.shape[0] - side) // 2
        left = (whole.shape[1] - side) // 2
        return whole[top : top + side, left : left + side]

    cut_image = cut(image, [*border, (0, 0)])
    return name, cut_image, [cut(drawing, border) for drawing in drawings]
