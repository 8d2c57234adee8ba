"""Bilinear resizing to any height and width, known or not when a graph is traced (`keras.ops.image` must know them)."""

from keras import ops


def resize(maps, size):
    """Resizes maps bilinearly, without antialiasing.

    Pixels are centred (a factor of two weighs neighbours by 3/4 and 1/4), as the fixed bilinear transposed convolutions
    of FCN and HED do.

    Args:
      maps: float [B, h, w, C].
      size: (H, W), ints or int32 scalars.

    Returns:
      float32 [B, H, W, C].
    """
    maps = ops.cast(maps, "float32")
    if all(isinstance(side, int) for side in size) and tuple(maps.shape[1:3]) == tuple(size):
        return maps
    _, height, width, _ = ops.shape(maps)
    tall = ops.einsum("ij,bjwc->biwc", _interpolation(height, size[0]), maps)
    return ops.einsum("ij,bhjc->bhic", _interpolation(width, size[1]), tall)


def upsample(maps, like):
    """`resize` of [B, h, w, C] maps to the height and width of [B, H, W, …] `like`."""
    return resize(maps, ops.shape(like)[1:3])


def _interpolation(old, new):
    """float32 [new, old]: every row holds the weights of the one or two pixels that are nearest."""
    scale = ops.cast(old, "float32") / ops.cast(new, "float32")
    places = (ops.arange(new, dtype="float32") + 0.5) * scale - 0.5
    places = ops.clip(places, 0.0, ops.cast(old, "float32") - 1.0)
    return ops.relu(1.0 - ops.abs(places[:, None] - ops.arange(old, dtype="float32")))
