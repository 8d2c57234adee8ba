"""Images with label maps of the same height and width, brought to one size for training."""

import tensorflow as tf

# Of ImageNet's images.  Padding of this colour is the neutral input of VGG-16.
MEAN_COLOUR = (123.675, 116.28, 103.53)


def squeeze(
    image: tf.Tensor,
    maps: tf.Tensor,
    size: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Resizes an image and its label maps to a square, whatever their aspect ratio.

    Args:
      image: float32 [h, w, 3]; resized with antialiasing.
      maps: [h, w, K] of whole numbers; each pixel takes the nearest label.
      size: side of the square.

    Returns:
      Image float32 [size, size, 3] and maps [size, size, K] of their dtype.
    """
    square = [size, size]
    image = tf.image.resize(image, square, antialias=True)
    maps = tf.image.resize(maps, square, "nearest")
    return image, maps


def random_patch(
    image: tf.Tensor,
    maps: tf.Tensor,
    size: int,
    fill: int,
    noise: tf.Tensor,
    mirror: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts a random square; an image smaller than the square is padded at the right and below.

    Args:
      image: float32 [h, w, 3] in 0 … 255.
      maps: [h, w, K] of whole numbers.
      size: side of the square.
      fill: label of padded pixels, which training ignores.
      noise: float32 [3 or more] in [0, 1): row, column and mirroring.
      mirror: whether half of the squares are mirrored.

    Returns:
      Image float32 [size, size, 3] and maps [size, size, K] of their dtype.
    """
    image, maps = _padded(image, maps, size, fill)

    # How many rows and columns the square may start at.
    room = tf.shape(maps)[:2] - size + 1
    start = noise[:2] * tf.cast(room, tf.float32)
    start = tf.cast(start, tf.int32)
    top, left = tf.unstack(start)

    patches = []
    for whole in (image, maps):
        patch = whole[top : top + size, left : left + size]
        if mirror:
            mirrored = patch[:, ::-1]
            patch = tf.where(noise[2] < 0.5, patch, mirrored)
        channels = patch.shape[-1]
        patches.append(tf.ensure_shape(patch, [size, size, channels]))
    image_patch, map_patch = patches
    return image_patch, map_patch


def _padded(
    image: tf.Tensor,
    maps: tf.Tensor,
    size: int,
    fill: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pads to at least `size` x `size`: the image with the mean colour, the maps with `fill`."""
    shape = tf.shape(maps)
    below = tf.maximum(size - shape[0], 0)
    beside = tf.maximum(size - shape[1], 0)
    border = [[0, below], [0, beside], [0, 0]]

    image = tf.pad(image - MEAN_COLOUR, border) + MEAN_COLOUR
    fill = tf.cast(fill, maps.dtype)
    maps = tf.pad(maps, border, constant_values=fill)
    return image, maps
