"""The convolutions of VGG-16 (Simonyan and Zisserman, 2015), on which dense prediction builds."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfvse.typing import Tensor

LAYERS = (2, 2, 3, 3, 3)  # convolutions of each block
WIDTHS = (1, 2, 4, 8, 8)  # channels of each block, in units of `width`


class Normalisation(NamedTuple):
    """How pixels are prepared for the weights of one source.

    Attributes:
      channel_order: which of red, green and blue each channel is.
      mean: of each channel in that order, subtracted from pixels of 0 … 255.
      scale: of each channel in that order, by which the difference is divided.

    Example:
      >>> from tfvse.layers.vgg import NORMALISATIONS
      >>> NORMALISATIONS["caffe"].channel_order
      (2, 1, 0)
    """

    channel_order: tuple[int, int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


NORMALISATIONS = {
    "torch": Normalisation(
        channel_order=(0, 1, 2),
        mean=(123.675, 116.28, 103.53),
        scale=(58.395, 57.12, 57.375),
    ),
    "caffe": Normalisation(
        channel_order=(2, 1, 0),
        mean=(103.939, 116.779, 123.68),
        scale=(1.0, 1.0, 1.0),
    ),
}


class VGG16Features(keras.Model):
    """The five blocks of VGG-16: thirteen 3×3 convolutions with ReLU, max-pooling between blocks.

    Args:
      width: channels of the first block; 64 is VGG-16 itself.
      normalisation: name in `NORMALISATIONS`. Weights fit only the one they were trained with.

    Call arguments:
      images: float [B, H, W, 3], RGB in 0 … 255, of any size.

    Returns:
      List of five float tensors [B, ⌈H/s⌉, ⌈W/s⌉, width * w], for s = 1, 2, 4, 8, 16 and
      w = 1, 2, 4, 8, 8: the output of each block before pooling.

    Example:
      >>> import keras
      >>> from tfvse.layers import VGG16Features
      >>> blocks = VGG16Features(width=2)(keras.Input((321, 481, 3)))
      >>> [tuple(block.shape) for block in blocks][-2:]
      [(None, 41, 61, 16), (None, 21, 31, 16)]
    """

    def __init__(
        self,
        width: int = 64,
        normalisation: str = "torch",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        chosen = NORMALISATIONS[normalisation]
        self.channel_order = chosen.channel_order
        self.mean = np.array(chosen.mean, "float32")
        self.scale = np.array(chosen.scale, "float32")

        blocks = []
        for number, layers in enumerate(LAYERS):
            channels = width * WIDTHS[number]
            block = []
            for layer in range(layers):
                name = f"block{number + 1}_conv{layer + 1}"
                block.append(_convolution(channels, name))
            blocks.append(block)
        self.blocks = blocks
        self.pool = keras.layers.MaxPooling2D(2, padding="same")

    @property
    def convolutions(self) -> list[keras.layers.Conv2D]:
        """The thirteen convolutions, in the order in which an image passes them."""
        return [convolution for block in self.blocks for convolution in block]

    def call(self, images: Tensor) -> list[Tensor]:
        """Computes the outputs of the five blocks for float [B, H, W, 3]."""
        pixels = ops.cast(images, "float32")
        pixels = ops.take(pixels, ops.array(self.channel_order), axis=-1)
        x = (pixels - self.mean) / self.scale

        outputs = []
        for block in self.blocks:
            for convolution in block:
                x = convolution(x)
            outputs.append(x)
            x = self.pool(x)
        return outputs


def _convolution(
    channels: int,
    name: str,
) -> keras.layers.Conv2D:
    """A 3×3 convolution with ReLU that keeps the size."""
    return keras.layers.Conv2D(
        channels,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )
