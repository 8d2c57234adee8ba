"""Contrast normalisation of whole pictures."""

import keras
from keras import ops


class GlobalContrastNormalization(keras.layers.Layer):
    """Subtracts each picture's mean over all pixels and channels, then scales its vector to length `scale`.

    Float [batch, height, width, channels] in 0…255 to float32 of the same shape.

    As Goodfellow et al. (Maxout networks, 2013) did it in pylearn2: divided by the Euclidean norm and not the
    standard deviation, no constant under the root, scale 55, which gives a 32×32×3 picture a standard deviation of
    55 / √3072 = 0.992. The norm is held at 1 or more, about what a picture has whose pixels are equal but for one
    that differs by one level: rounding noise in a picture of one grey is not blown up.
    """

    def __init__(self, scale=55.0, **kwargs):
        # Never in float16: the sum of squares of a picture overflows it.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.scale = scale

    def call(self, images):
        centred = images - ops.mean(images, axis=(1, 2, 3), keepdims=True)
        norm = ops.sqrt(ops.sum(ops.square(centred), axis=(1, 2, 3), keepdims=True))
        return centred * (self.scale / ops.maximum(norm, 1.0))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"scale": self.scale}
