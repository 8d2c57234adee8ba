"""Images as pixels, for a network that is trained on them: decoded on demand, cropped randomly."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfvse.preprocessing.decode import decode_image
from tfvse.typing import Array, Rows

SMALLEST_CROP = 0.8  # least share of the image that the longer side of a crop has
WIDEST = 4 / 3  # of a crop, relative to the aspect ratio of the image; the narrowest is 3 / 4


class Pixels:
    """The images of a split as an array float32 [N, size, size, 3] that is never held whole.

    `pixels[rows]` reads some of them.

    Attributes:
      shape: (N, size, size, 3).
    """

    def __init__(
        self,
        part: Any,
        encoder: Any,
    ) -> None:
        """Refers to the images; reads none.

        Args:
          part: `records.Part` with the field "picture", the stored name of an image's bytes.
          encoder: `encoders.image_base.ImageEncoder` with a size.
        """
        self._part = part
        self._encoder = encoder
        self.shape = (len(part), encoder.size, encoder.size, 3)

    def __len__(self) -> int:
        """The number of images N."""
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> Array:
        """Reads images as float32 [B, size, size, 3]; `rows` is a slice or int [B]."""
        wanted = np.arange(len(self))[rows]
        wanted = tf.constant(wanted, tf.int64)
        encoded = self._part.batch(wanted)["picture"]
        return self._encoder.pixels(encoded).numpy()

    def augmented(
        self,
        rows: tf.Tensor,
        noise: tf.Tensor,
    ) -> tf.Tensor:
        """Reads images and crops them randomly, in TensorFlow ops.

        Args:
          rows: int64 [B].
          noise: float32 [B, 8] in [0, 1), all the randomness there is.

        Returns:
          float32 [B, size, size, 3].
        """

        def crop(entry: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            """Bytes of an image and float32 [8] noise → float32 [size, size, 3]."""
            encoded, numbers = entry
            image = decode_image(encoded)
            cropped = crop_and_mirror(image, numbers)
            return self._encoder.prepare(cropped)

        encoded = self._part.batch(rows)["picture"]
        spec = tf.TensorSpec(self.shape[1:], tf.float32)
        return tf.map_fn(
            crop,
            (encoded, noise),
            fn_output_signature=spec,
        )


def crop_and_mirror(
    image: tf.Tensor,
    noise: tf.Tensor,
) -> tf.Tensor:
    """Cuts out a random part of an image and mirrors it in half of the cases.

    Args:
      image: uint8 [h, w, 3].
      noise: float32 [8] in [0, 1): size, aspect ratio, row, column and mirroring; the last three
        are not used.

    Returns:
      uint8 [h', w', 3]. One side is 0.8 to 1 of the image's, the other up to a quarter less.
    """
    whole = tf.shape(image)[:2]
    size = _crop_size(whole, noise)

    room = tf.cast(whole - size + 1, tf.float32)
    start = tf.cast(noise[2:4] * room, tf.int32)
    top, left = tf.unstack(start)
    height, width = tf.unstack(size)
    cropped = image[top : top + height, left : left + width]
    mirrored = cropped[:, ::-1]
    return tf.where(noise[4] < 0.5, cropped, mirrored)


def _crop_size(
    whole: tf.Tensor,
    noise: tf.Tensor,
) -> tf.Tensor:
    """Height and width of a random part of an image of size `whole`, int32 [2] each."""
    scale = SMALLEST_CROP + (1.0 - SMALLEST_CROP) * noise[0]

    # The aspect ratio is uniform on a logarithmic scale, from 3 / 4 to 4 / 3 of the image's own.
    ratio = WIDEST ** (2.0 * noise[1] - 1.0)
    height = tf.minimum(1.0, 1.0 / ratio)
    width = tf.minimum(1.0, ratio)

    fractions = scale * tf.stack([height, width])
    size = fractions * tf.cast(whole, tf.float32)
    size = tf.cast(tf.round(size), tf.int32)
    return tf.maximum(size, 1)
