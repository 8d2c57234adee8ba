"""The networks of CycleGAN: the residual generator and the PatchGAN discriminator.

Both are the reference's, see `tfvse.systems.cyclegan`.
"""

from typing import Any

import keras
from keras import layers, ops

from tfvse.layers.normalization import instance_normalization
from tfvse.layers.padding import ReflectionPadding2D
from tfvse.systems.base import Tensor


def generator(
    width: int = 64,
    residual_blocks: int = 9,
    name: str | None = None,
) -> keras.Model:
    """The reference's generator: c7s1-w, d2w, d4w, R4w x residual_blocks, u2w, uw, c7s1-3.

    Args:
      width: w, channels of the first convolution.
      residual_blocks: number of the blocks in the middle.
      name: of the network.

    Returns:
      Model, float32 [B, H, W, 3] in [-1, 1] → the same; H and W are multiples of 4, at least 8.
    """
    images = keras.Input((None, None, 3))
    x = ReflectionPadding2D(3)(images)
    x = _normalised(_convolution(width, 7)(x))
    for factor in (2, 4):
        x = _convolution(factor * width, 3, strides=2, padding="same")(x)
        x = _normalised(x)

    for _ in range(residual_blocks):
        x = _residual(x, 4 * width)

    for factor in (2, 1):
        normal = keras.initializers.RandomNormal(stddev=0.02)
        upsampling = layers.Conv2DTranspose(
            factor * width,
            3,
            strides=2,
            padding="same",
            kernel_initializer=normal,
        )
        x = _normalised(upsampling(x))

    x = ReflectionPadding2D(3)(x)
    x = _convolution(3, 7)(x)
    made = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(images, made, name=name)


def discriminator(width: int = 64, name: str | None = None) -> keras.Model:
    """The 70 x 70 PatchGAN: Cw-C2w-C4w-C8w, then a convolution to a score for every patch.

    Args:
      width: w, channels of the first convolution.
      name: of the network.

    Returns:
      Model, float32 [B, H, W, 3] in [-1, 1] → float32 [B, H/8 - 2, W/8 - 2, 1] without a sigmoid,
      towards 1 for real images.
    """
    images = keras.Input((None, None, 3))
    x = images
    for factor in (1, 2, 4, 8):
        strides = 1 if factor == 8 else 2
        x = layers.ZeroPadding2D(1)(x)
        x = _convolution(factor * width, 4, strides=strides)(x)
        if factor > 1:
            x = instance_normalization()(x)
        x = _leaky(x)

    x = layers.ZeroPadding2D(1)(x)
    x = _convolution(1, 4)(x)
    scores = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(images, scores, name=name)


def _convolution(filters: int, size: int, **kwargs: Any) -> layers.Conv2D:
    """A convolution of `size`² whose kernel starts with a deviation of 0.02."""
    normal = keras.initializers.RandomNormal(stddev=0.02)
    return layers.Conv2D(filters, size, kernel_initializer=normal, **kwargs)


def _normalised(x: Tensor) -> Tensor:
    """Instance normalisation and ReLU: [B, h, w, c] → the same."""
    return layers.ReLU()(instance_normalization()(x))


def _residual(x: Tensor, filters: int) -> Tensor:
    """R<filters>: two 3 x 3 convolutions around which the input is added, [B, h, w, filters]."""
    y = ReflectionPadding2D(1)(x)
    y = _normalised(_convolution(filters, 3)(y))
    y = ReflectionPadding2D(1)(y)
    y = _convolution(filters, 3)(y)
    y = instance_normalization()(y)
    return layers.Add()([x, y])


def _leaky(x: Tensor) -> Tensor:
    """Leaky ReLU with slope 0.2: [B, h, w, c] → the same."""
    # TensorFlow's graph optimizer fails on its own LeakyRelu after a bias, and then leaves the
    # whole step as it is.
    return ops.maximum(x, 0.2 * x)
