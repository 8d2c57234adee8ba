"""Reflection padding: an image is continued by its mirror image, not by zeros."""

from typing import Any

import keras
from keras import ops

from tfvse.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="tfvse")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring about the edge pixels: `abc` becomes `cbabcb`.

    The edge pixels themselves are not repeated. A convolution with "valid" padding behind this
    layer keeps the size and draws no dark frame, as zero padding would.

    Args:
      padding: pixels added to each of the four sides. Height and width must be larger than this.

    Call arguments:
      inputs: [B, H, W, C] of any dtype and any static or dynamic size.

    Returns:
      Tensor [B, H + 2 * padding, W + 2 * padding, C] of the same dtype.

    Raises:
      ValueError: `padding` is negative.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import ReflectionPadding2D
      >>> image = ops.reshape(ops.arange(4.0), (1, 2, 2, 1))
      >>> print(ops.convert_to_numpy(ReflectionPadding2D(1)(image))[0, :, :, 0])
      [[3. 2. 3. 2.]
       [1. 0. 1. 0.]
       [3. 2. 3. 2.]
       [1. 0. 1. 0.]]
    """

    def __init__(
        self,
        padding: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if padding < 0:
            raise ValueError(f"padding must be 0 or more, not {padding}")
        self.padding = padding

    def call(self, inputs: Tensor) -> Tensor:
        """Pads [B, H, W, C]."""
        none = (0, 0)
        both = (self.padding, self.padding)
        return ops.pad(inputs, (none, both, both, none), mode="reflect")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, H, W, C) → (B, H + 2 * padding, W + 2 * padding, C)."""
        batch, height, width, channels = input_shape
        height = self._padded(height)
        width = self._padded(width)
        return (batch, height, width, channels)

    def _padded(self, size: int | None) -> int | None:
        """A padded side; None where the side is unknown."""
        return None if size is None else size + 2 * self.padding

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "padding": self.padding,
        }


def mirrored_indices(
    size: int | Tensor,
    length: int | Tensor,
) -> Tensor:
    """Pixel positions along a line that is continued by mirroring: 0 1 2 1 0 1 2 … for size 3.

    Args:
      size: number of pixels of the line, int or int32 scalar, at least 1.
      length: number of positions, int or int32 scalar. Unlike with `ReflectionPadding2D` it may
        be many times `size`.

    Returns:
      int32 [length], each in 0 … size - 1.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import mirrored_indices
      >>> print(ops.convert_to_numpy(mirrored_indices(3, 7)))
      [0 1 2 1 0 1 2]
    """
    period = ops.maximum(2 * size - 2, 1)
    position = ops.arange(length, dtype="int32") % period
    return ops.minimum(position, period - position)


def pad_to_multiple(
    images: Tensor,
    multiple: int,
    minimum: int,
) -> Tensor:
    """Mirrors the bottom and right edges until height and width fit a network.

    Args:
      images: [B, H, W, C] of any size, down to a single pixel.
      multiple: height and width become multiples of this.
      minimum: least height and width, itself a multiple of `multiple`.

    Returns:
      Tensor [B, H', W', C] of the same dtype; `result[:, :H, :W]` is `images`.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import pad_to_multiple
      >>> tuple(pad_to_multiple(ops.zeros((1, 5, 9, 3)), multiple=4, minimum=8).shape)
      (1, 8, 12, 3)
    """
    for axis in (1, 2):
        size = ops.shape(images)[axis]
        fitting = (size + multiple - 1) // multiple * multiple
        length = ops.maximum(fitting, minimum)
        indices = mirrored_indices(size, length)
        images = ops.take(images, indices, axis=axis)
    return images
