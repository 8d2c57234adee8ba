"""The part of an image that a network sees: central in evaluation, random in training."""

import dataclasses

import tensorflow as tf

from tfvse.preprocessing.decode import decode_image


@dataclasses.dataclass(frozen=True)
class Framing:
    """A part of every image, which is scaled first.

    Attributes:
      scaled: height and width that images are scaled to, whatever their aspect ratio.
      seen: height and width of the part that the network sees.
      padding: pixels added on every side before a random part is cut out.
    """

    scaled: tuple[int, int]
    seen: tuple[int, int]
    padding: int = 0

    @property
    def description(self) -> str:
        """The framing in words, for reports."""
        if self.scaled == self.seen:
            return "one, whole image"
        return f"one, central {_size(self.seen)} of {_size(self.scaled)}"

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """Decodes and scales an image.

        Args:
          encoded: string scalar, the bytes of a JPEG or PNG file.

        Returns:
          float32 [*scaled, 3], 0 to 255.
        """
        return self.scale(decode_image(encoded))

    def scale(self, pixels: tf.Tensor) -> tf.Tensor:
        """Scales images with antialiasing.

        Args:
          pixels: uint8 [h, w, 3] or [B, h, w, 3].

        Returns:
          float32 [*scaled, 3] or [B, *scaled, 3].
        """
        if tuple(pixels.shape[-3:-1]) == self.scaled:
            return tf.cast(pixels, tf.float32)
        return tf.image.resize(pixels, self.scaled, antialias=True)

    def central(self, images: tf.Tensor) -> tf.Tensor:
        """Cuts out the central parts.

        Args:
          images: float32 of the shape [*scaled, 3] or [B, *scaled, 3].

        Returns:
          float32 of the shape [*seen, 3] or [B, *seen, 3].
        """
        height, width = self.seen
        top = (self.scaled[0] - height) // 2
        left = (self.scaled[1] - width) // 2
        return images[..., top : top + height, left : left + width, :]

    def random(
        self,
        images: tf.Tensor,
        noise: tf.Tensor,
    ) -> tf.Tensor:
        """Cuts out random parts, half of them mirrored.

        Pixels beyond the border have the mean of the image. Global contrast normalisation turns
        it into zero, and the literature pads normalised images with zeros.

        Args:
          images: float32 [B, *scaled, 3].
          noise: float32 [B, 3 or more] in [0, 1): row, column and mirroring.

        Returns:
          float32 [B, *seen, 3].
        """
        if self.padding:
            images = self._padded(images)

        # How many rows and columns the part may start at.
        height, width = self.seen
        row_count = images.shape[1] - height + 1
        column_count = images.shape[2] - width + 1
        room = tf.constant([row_count, column_count], tf.float32)
        start = tf.cast(noise[:, :2] * room, tf.int32)

        rows = start[:, :1] + tf.range(height)
        columns = start[:, 1:] + tf.range(width)
        mirrored = tf.reverse(columns, [1])
        columns = tf.where(noise[:, 2:3] < 0.5, columns, mirrored)

        parts = tf.gather(images, rows, axis=1, batch_dims=1)
        return tf.gather(parts, columns, axis=2, batch_dims=1)

    def _padded(self, images: tf.Tensor) -> tf.Tensor:
        """Pads float32 [B, H, W, 3] on every side with the mean of each image."""
        both = [self.padding, self.padding]
        border = [[0, 0], both, both, [0, 0]]
        mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
        return tf.pad(images - mean, border) + mean


def _size(size: tuple[int, int]) -> str:
    """A size for people: "32 x 32"."""
    height, width = size
    return f"{height} x {width}"
