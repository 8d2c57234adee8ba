"""Tiny image encoders with fixed random weights, for tests and smoke runs."""

import keras
import tensorflow as tf

from tfvse.encoders import regions
from tfvse.encoders.image_base import ImageEncoder, resized
from tfvse.typing import Tensor

_SIZE = 32  # pixels, height and width
_DIM = 32
_REGIONS = 12
_NAMES = ("red", "green", "blue", "yellow", "black circle", "square", "cross", "ring")


def untrained() -> ImageEncoder:
    """Three convolutions with fixed random weights at 32 pixels, averaged; 32 dimensions."""
    inputs, feature_map = _feature_map()
    pooled = keras.layers.GlobalAveragePooling2D()(feature_map)
    network = keras.Model(inputs, pooled, name="random")
    return ImageEncoder("random", _DIM, _prepare, network, _SIZE)


def untrained_regions() -> ImageEncoder:
    """The 12 most confident of the 4 x 4 cells of the same network; 32 dimensions.

    Random class scores name the cells.
    """
    inputs, feature_map = _feature_map()
    initializer = keras.initializers.HeNormal(seed=3)
    classifier = keras.layers.Dense(len(_NAMES), kernel_initializer=initializer)
    found = regions.network(inputs, feature_map, classifier, _REGIONS, "random_regions")
    return ImageEncoder(
        "random_regions",
        _DIM,
        _prepare,
        keras.Model(inputs, found.output["feature"]),
        _SIZE,
        regions=_REGIONS,
        describe=regions.describer(found, _NAMES),
    )


def _feature_map() -> tuple[Tensor, Tensor]:
    """(symbolic input float32 [B, 32, 32, 3], symbolic feature map float32 [B, 4, 4, 32])."""
    inputs = keras.Input([_SIZE, _SIZE, 3])
    x = inputs
    for seed, channels in enumerate([16, 32, _DIM]):
        convolution = keras.layers.Conv2D(
            channels,
            3,
            2,
            "same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=seed),
        )
        x = convolution(x)
    return inputs, x


def _prepare(image: tf.Tensor) -> tf.Tensor:
    """uint8 [h, w, 3] → float32 [32, 32, 3] in -1 to 1."""
    return resized(image, _SIZE) / 127.5 - 1.0
