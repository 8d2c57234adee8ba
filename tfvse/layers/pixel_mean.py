"""Subtraction of the mean image."""

from typing import Any

import keras

from tfvse.typing import Shape, Tensor


class PixelMean(keras.layers.Layer):
    """Subtracts the mean image of a training set, pixel by pixel.

    The mean image is the weight `mean`, float32 [H, W, C]. It starts at 0, no optimizer changes
    it, and whoever knows the training images assigns it.

    Call arguments:
      images: float [B, H, W, C].

    Returns:
      float32 [B, H, W, C].

    Example:
      >>> import numpy as np
      >>> from keras import ops
      >>> from tfvse.layers import PixelMean
      >>> layer = PixelMean()
      >>> layer.build((None, 1, 2, 1))
      >>> layer.set_weights([np.array([[[10.0], [20.0]]])])
      >>> centred = layer(ops.array([[[[11.0], [22.0]]]]))
      >>> print(ops.convert_to_numpy(centred).ravel())
      [1. 2.]
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def build(self, input_shape: Shape) -> None:
        """Creates the mean image, [H, W, C]."""
        self.mean = self.add_weight(
            name="mean",
            shape=input_shape[1:],
            initializer="zeros",
            trainable=False,
        )

    def call(self, images: Tensor) -> Tensor:
        """Subtracts the mean image from float [B, H, W, C]."""
        return images - self.mean
