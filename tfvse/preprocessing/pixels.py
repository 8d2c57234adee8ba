"""Pictures as pixels, for a network that is trained on them: unpacked when asked for, cropped in training."""

import numpy as np
import tensorflow as tf

from tfvse.preprocessing.decode import decode_picture

SMALLEST_CROP = 0.8  # of a side of the picture
WIDEST = 4 / 3  # of a crop, in the picture's own proportions; the narrowest is 3 / 4


class Pixels:
    """The pictures of a split as an array float32 [N, size, size, 3] that is never whole: `pixels[rows]` reads some."""

    def __init__(self, part, encoder):
        """part: `records.Part` with the field "picture"; encoder: `encoders.image.ImageEncoder` with a size."""
        self._part, self._encoder = part, encoder
        self.shape = (len(part), encoder.size, encoder.size, 3)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        wanted = tf.constant(np.arange(len(self))[rows], tf.int64)
        return self._encoder.pixels(self._part.batch(wanted)["picture"]).numpy()

    def augmented(self, rows, noise):
        """Random crops of pictures, in TensorFlow ops.

        Args:
          rows: int64 [B].
          noise: float32 [B, 8] in [0, 1), all the randomness there is.

        Returns:
          float32 [B, size, size, 3].
        """

        def crop(entry):
            return self._encoder.prepare(crop_and_mirror(decode_picture(entry[0]), entry[1]))

        spec = tf.TensorSpec(self.shape[1:], tf.float32)
        return tf.map_fn(crop, (self._part.batch(rows)["picture"], noise), fn_output_signature=spec)


def crop_and_mirror(picture, noise):
    """A random part of a picture, in half of the cases mirrored.

    Args:
      picture: uint8 [h, w, 3].
      noise: float32 [8] in [0, 1); the last three are not used.

    Returns:
      uint8 [h', w', 3]: one side is 0.8 to 1 of the picture's, the other up to a quarter less than that.
    """
    proportion = WIDEST ** (2.0 * noise[1] - 1.0)
    fractions = tf.stack([tf.minimum(1.0, 1.0 / proportion), tf.minimum(1.0, proportion)])
    whole = tf.shape(picture)[:2]
    part = (
        (SMALLEST_CROP + (1.0 - SMALLEST_CROP) * noise[0]) * fractions * tf.cast(whole, tf.float32)
    )
    size = tf.maximum(tf.cast(tf.round(part), tf.int32), 1)
    first = tf.cast(noise[2:4] * tf.cast(whole - size + 1, tf.float32), tf.int32)
    cropped = picture[first[0] : first[0] + size[0], first[1] : first[1] + size[1]]
    return tf.where(noise[4] < 0.5, cropped, cropped[:, ::-1])
