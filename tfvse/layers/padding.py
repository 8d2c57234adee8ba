"""Reflection padding: the border of a picture continues as its mirror image, not as zeros."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfvse")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring about the edge pixels, which are not repeated (`abc` → `cbabcb`).

    A convolution with "valid" padding behind it keeps the size and shows no dark frame, as zeros would give a picture.

    Args:
      padding: pixels added to each of the four sides; height and width must be larger than this.

    Input [B, H, W, C] of any dtype, any static or dynamic size; output [B, H + 2·padding, W + 2·padding, C].
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        if padding < 0:
            raise ValueError(f"padding must be 0 or more, not {padding}")
        self.padding = padding

    def call(self, inputs):
        both = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), both, both, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        added = 2 * self.padding
        return batch, height and height + added, width and width + added, channels

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


def mirrored_indices(size, length):
    """Positions 0 … length-1 of a line of `size` pixels that is continued by mirroring: 0 1 2 1 0 1 2 … for size 3.

    Args:
      size, length: int or int32 scalar, at least 1. Unlike `ReflectionPadding2D`, `length` may be many times `size`.

    Returns:
      int32 [length], each in 0 … size-1.
    """
    period = ops.maximum(2 * size - 2, 1)
    position = ops.arange(length, dtype="int32") % period
    return ops.minimum(position, period - position)


def pad_to_multiple(pictures, multiple, minimum):
    """Mirrors the bottom and right edges until height and width are multiples of `multiple` and at least `minimum`.

    Args:
      pictures: [B, H, W, C] of any size, down to a single pixel.
      multiple, minimum: ints; `minimum` is itself a multiple of `multiple`.

    Returns:
      [B, H', W', C]; `result[:, :H, :W]` is `pictures`.
    """
    for axis in (1, 2):
        size = ops.shape(pictures)[axis]
        length = ops.maximum((size + multiple - 1) // multiple * multiple, minimum)
        pictures = ops.take(pictures, mirrored_indices(size, length), axis=axis)
    return pictures
