"""Contrast normalisation of whole images."""

from typing import Any

import keras
from keras import ops

from tfvse.typing import Shape, Tensor


class GlobalContrastNormalization(keras.layers.Layer):
    """Subtracts each image's mean over pixels and channels and scales it to length `scale`.

    This follows Goodfellow et al. (Maxout networks, 2013) as implemented in pylearn2. It divides
    by the Euclidean norm, not by the standard deviation, and adds no constant under the root. A
    scale of 55 gives a 32×32×3 image a standard deviation of 55 / √3072 = 0.992.

    The norm is held at 1 or more, so that the rounding noise of an image of a single grey is not
    amplified. A norm of 1 is about that of an image whose pixels are equal but for one, which
    differs by one level.

    Args:
      scale: Euclidean length of each normalised image.

    Call arguments:
      images: float [B, H, W, C] in 0 … 255.

    Returns:
      float32 [B, H, W, C].

    Example:
      The mean is 20, so that the centred image (-3, -4, 3, 4) has length √50:

      >>> from keras import ops
      >>> from tfvse.layers import GlobalContrastNormalization
      >>> image = ops.array([[[[17.0], [16.0], [23.0], [24.0]]]])
      >>> normalized = GlobalContrastNormalization(scale=50**0.5)(image)
      >>> print(ops.convert_to_numpy(normalized).ravel().round(3))
      [-3. -4.  3.  4.]
    """

    def __init__(
        self,
        scale: float = 55.0,
        **kwargs: Any,
    ) -> None:
        # float32 whatever the policy: the sum of squares of an image overflows float16.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, images: Tensor) -> Tensor:
        """Normalises float [B, H, W, C] into float32 of the same shape."""
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        centred = images - mean
        squares = ops.sum(ops.square(centred), axis=(1, 2, 3), keepdims=True)
        norm = ops.maximum(ops.sqrt(squares), 1.0)
        return centred * (self.scale / norm)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input, [B, H, W, C]."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "scale": self.scale,
        }
