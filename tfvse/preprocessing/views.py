"""What a network sees of a picture: one size for all, a central part in evaluation, a random one in training."""

import dataclasses

import tensorflow as tf

from tfvse.preprocessing.decode import decode_picture


@dataclasses.dataclass(frozen=True)
class View:
    """A part of every picture, scaled first.

    Attributes:
      scaled: height and width that pictures are scaled to, whatever their aspect.
      seen: height and width of the part that the network sees.
      padding: pixels that are added on every side before a random part is cut out.
    """

    scaled: tuple[int, int]
    seen: tuple[int, int]
    padding: int = 0

    @property
    def words(self):
        """For reports."""
        scaled, seen = ("{} x {}".format(*size) for size in (self.scaled, self.seen))
        return "one, whole picture" if scaled == seen else f"one, central {seen} of {scaled}"

    def decode(self, picture):
        """string scalar, bytes of a JPEG or PNG file → float32 [*scaled, 3], 0 to 255."""
        return self.scale(decode_picture(picture))

    def scale(self, pixels):
        """uint8 [(B,) h, w, 3] → float32 [(B,) *scaled, 3], resized with antialiasing."""
        if tuple(pixels.shape[-3:-1]) == self.scaled:
            return tf.cast(pixels, tf.float32)
        return tf.image.resize(pixels, self.scaled, antialias=True)

    def central(self, images):
        """float32 [(B,) *scaled, 3] → float32 [(B,) *seen, 3]."""
        top, left = (
            (whole - part) // 2 for whole, part in zip(self.scaled, self.seen, strict=True)
        )
        return images[..., top : top + self.seen[0], left : left + self.seen[1], :]

    def random(self, images, noise):
        """Random parts, half of them mirrored.

        What comes in at the border has the mean of the picture, which global contrast normalisation turns into zero:
        the literature pads normalised pictures with zeros.

        Args:
          images: float32 [B, *scaled, 3].
          noise: float32 [B, 3 or more] in [0, 1).

        Returns:
          float32 [B, *seen, 3].
        """
        if self.padding:
            mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
            border = [[0, 0], [self.padding] * 2, [self.padding] * 2, [0, 0]]
            images = tf.pad(images - mean, border) + mean
        height, width = self.seen
        room = tf.constant([images.shape[1] - height + 1, images.shape[2] - width + 1], tf.float32)
        start = tf.cast(noise[:, :2] * room, tf.int32)
        rows = start[:, :1] + tf.range(height)
        columns = start[:, 1:] + tf.range(width)
        columns = tf.where(noise[:, 2:3] < 0.5, columns, tf.reverse(columns, [1]))
        return tf.gather(
            tf.gather(images, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1
        )
