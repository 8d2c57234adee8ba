"""Subtraction of the mean picture."""

import keras


class PixelMean(keras.layers.Layer):
    """Subtracts the mean picture of a training set, pixel by pixel.

    Float [batch, height, width, channels] to float32 of the same shape. `mean`, float32 [height, width, channels], is a
    weight that no optimizer changes; it starts at 0, and who knows the pictures assigns it.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)

    def build(self, input_shape):
        self.mean = self.add_weight(
            name="mean", shape=input_shape[1:], initializer="zeros", trainable=False
        )

    def call(self, images):
        return images - self.mean
