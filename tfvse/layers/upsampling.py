"""Bilinear resizing to any height and width, also to those that only a running graph knows.

`keras.ops.image` needs to know them when a graph is traced.
"""

from collections.abc import Sequence

from keras import ops

from tfvse.typing import Tensor


def resize(
    maps: Tensor,
    size: Sequence[int | Tensor],
) -> Tensor:
    """Resizes maps bilinearly, without antialiasing.

    Pixels are centred: a factor of two weights neighbours by 3/4 and 1/4, as the fixed bilinear
    transposed convolutions of FCN and HED do.

    Args:
      maps: float [B, h, w, C].
      size: (H, W), ints or int32 scalars.

    Returns:
      float32 [B, H, W, C].

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import resize
      >>> maps = ops.array([[[[0.0], [4.0]]]])
      >>> print(ops.convert_to_numpy(resize(maps, (1, 4))).ravel())
      [0. 1. 3. 4.]
    """
    maps = ops.cast(maps, "float32")
    height, width = size
    is_known = isinstance(height, int) and isinstance(width, int)
    if is_known and tuple(maps.shape[1:3]) == (height, width):
        return maps

    _, old_height, old_width, _ = ops.shape(maps)
    by_row = _interpolation(old_height, height)
    by_column = _interpolation(old_width, width)
    tall = ops.einsum("ij,bjwc->biwc", by_row, maps)
    return ops.einsum("ij,bhjc->bhic", by_column, tall)


def upsample(maps: Tensor, like: Tensor) -> Tensor:
    """Resizes maps bilinearly to the height and width of another tensor.

    Args:
      maps: float [B, h, w, C].
      like: [B, H, W, …].

    Returns:
      float32 [B, H, W, C].

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import upsample
      >>> tuple(upsample(ops.zeros((1, 2, 3, 5)), like=ops.zeros((1, 8, 9, 3))).shape)
      (1, 8, 9, 5)
    """
    size = ops.shape(like)[1:3]
    return resize(maps, size)


def _interpolation(
    old: int | Tensor,
    new: int | Tensor,
) -> Tensor:
    """float32 [new, old]: each row holds the weights of the one or two nearest pixels."""
    old_length = ops.cast(old, "float32")
    new_length = ops.cast(new, "float32")
    old_places = ops.arange(old, dtype="float32")
    new_places = ops.arange(new, dtype="float32")

    # Where the centres of the new pixels lie among the old ones.
    scale = old_length / new_length
    centres = (new_places + 0.5) * scale - 0.5
    centres = ops.clip(centres, 0.0, old_length - 1.0)

    distances = ops.abs(centres[:, None] - old_places)
    return ops.relu(1.0 - distances)
