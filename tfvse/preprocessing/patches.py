"""Pictures with label maps of the same height and width, brought to one size for training: squeezed, cut, mirrored."""

import tensorflow as tf

MEAN_COLOUR = (
    123.675,
    116.28,
    103.53,
)  # of ImageNet's pictures; what is padded with it says nothing to VGG-16


def squeeze(picture, maps, size):
    """Resizes a picture with antialiasing and its maps to the nearest label, to size x size whatever their aspect.

    Args:
      picture: float32 [h, w, 3].
      maps: [h, w, K] of whole numbers.
      size: int.

    Returns:
      (float32 [size, size, 3], maps [size, size, K] of their dtype).
    """
    picture = tf.image.resize(picture, [size, size], antialias=True)
    return picture, tf.image.resize(maps, [size, size], "nearest")


def random_patch(picture, maps, size, fill, noise, mirror=True):
    """A random part; where the picture is smaller than the part it is padded, right and below.

    Args:
      picture: float32 [h, w, 3] in 0 … 255.
      maps: [h, w, K] of whole numbers.
      size: side of the part.
      fill: label of padded pixels, which training ignores.
      noise: float32 [3 or more] in [0, 1).
      mirror: whether half of the parts are mirrored.

    Returns:
      (float32 [size, size, 3], maps [size, size, K] of their dtype).
    """
    shape = tf.shape(maps)
    border = [[0, tf.maximum(size - shape[0], 0)], [0, tf.maximum(size - shape[1], 0)], [0, 0]]
    picture = tf.pad(picture - MEAN_COLOUR, border) + MEAN_COLOUR
    maps = tf.pad(maps, border, constant_values=tf.cast(fill, maps.dtype))
    room = tf.cast(tf.shape(maps)[:2] - size + 1, tf.float32)
    top, left = tf.unstack(tf.cast(noise[:2] * room, tf.int32))
    parts = [whole[top : top + size, left : left + size] for whole in (picture, maps)]
    if mirror:
        parts = [tf.where(noise[2] < 0.5, part, part[:, ::-1]) for part in parts]
    return tuple(tf.ensure_shape(part, [size, size, part.shape[-1]]) for part in parts)
