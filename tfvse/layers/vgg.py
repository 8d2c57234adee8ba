"""The convolutions of VGG-16 (Simonyan and Zisserman, 2015), where networks for dense prediction begin."""

import keras
import numpy as np
from keras import ops

LAYERS = (2, 2, 3, 3, 3)  # convolutions of each block
WIDTHS = (1, 2, 4, 8, 8)  # channels of each block, in units of `width`
NORMALISATIONS = {  # order of the channels (of red, green, blue), mean and scale of 0 … 255, all in that order
    "torch": ((0, 1, 2), (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "caffe": ((2, 1, 0), (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
}


class VGG16Features(keras.Model):
    """The five blocks of VGG-16, thirteen 3x3 convolutions with ReLU, and max-pooling between them.

    Args:
      width: channels of the first block; 64 is VGG-16 itself.
      normalisation: of `NORMALISATIONS`; weights only fit the one they were trained with.

    Input: float [B, H, W, 3], RGB in 0 … 255, of any size. Output: list of five [B, ⌈H/s⌉, ⌈W/s⌉, width · w] for
    s = 1, 2, 4, 8, 16 and w = 1, 2, 4, 8, 8: what each block gives before it is pooled.
    """

    def __init__(self, width=64, normalisation="torch", **kwargs):
        super().__init__(**kwargs)
        self.channel_order, *statistics = NORMALISATIONS[normalisation]
        self.mean, self.scale = (np.array(numbers, "float32") for numbers in statistics)
        self.blocks = [
            [self._convolution(width * factor, block, layer) for layer in range(count)]
            for block, (count, factor) in enumerate(zip(LAYERS, WIDTHS, strict=True))
        ]
        self.pool = keras.layers.MaxPooling2D(2, padding="same")

    def _convolution(self, channels, block, layer):
        name = f"block{block + 1}_conv{layer + 1}"
        return keras.layers.Conv2D(
            channels,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=name,
        )

    @property
    def convolutions(self):
        """The thirteen layers, from the picture up."""
        return [convolution for block in self.blocks for convolution in block]

    def call(self, pictures):
        pixels = ops.cast(pictures, "float32")
        x = (ops.take(pixels, ops.array(self.channel_order), axis=-1) - self.mean) / self.scale
        outputs = []
        for block in self.blocks:
            for convolution in block:
                x = convolution(x)
            outputs.append(x)
            x = self.pool(x)
        return outputs
