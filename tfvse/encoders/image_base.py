"""What an image encoder is: from the bytes of a file to one vector, or one for each region.

All of it is TensorFlow ops, so an exported model can hold it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfvse.preprocessing.decode import decode_image
from tfvse.typing import Array


@dataclasses.dataclass(frozen=True)
class ImageEncoder:
    """A frozen encoder of images.

    Attributes:
      name: what it was asked for by.
      dim: width D of a feature.
      prepare: uint8 [h, w, 3], a decoded image → float32 [H, W, 3], what `network` reads.
      network: float32 [B, H, W, 3] → float32 [B, D] or [B, R, D]. It is a `keras.Model`, except
        for "hub:...".
      size: height and width that `prepare` gives, or None where they depend on the image.
      resources: what an exported model must hold besides variables.
      regions: R, regions of an image; 0 for an encoder that gives one vector of the whole.
      describe: of an encoder with regions: float32 [B, H, W, 3] → what is kept of the images, see
        `regions.describer`.
    """

    name: str
    dim: int
    prepare: Callable[[tf.Tensor], tf.Tensor]
    network: Callable[..., tf.Tensor]
    size: int | None
    resources: tuple[Any, ...] = ()
    regions: int = 0
    describe: Callable[[tf.Tensor], dict[str, Array]] | None = None

    @property
    def feature_shape(self) -> list[int]:
        """Shape of one image's feature: [D] or [R, D]."""
        return [self.regions, self.dim] if self.regions else [self.dim]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Encodes images; only one is decoded in memory at a time.

        Args:
          images: string [B], bytes of JPEG or PNG files.

        Returns:
          float32 [B, *feature_shape].

        Raises:
          tf.errors.InvalidArgumentError: as `decode_image`.
        """
        if self.size is not None:
            return self.encode(self.pixels(images))

        def encode_one(image: tf.Tensor) -> tf.Tensor:
            """Bytes of an image, a string scalar → float32 [*feature_shape]."""
            batch = self.preprocess(image)[tf.newaxis]
            return self.encode(batch)[0]

        return _one_by_one(encode_one, images, self.feature_shape)

    def preprocess(self, image: tf.Tensor) -> tf.Tensor:
        """Decodes and prepares one image.

        Args:
          image: string scalar, bytes of a JPEG or PNG file.

        Returns:
          float32 [H, W, 3], what `network` reads.
        """
        return self.prepare(decode_image(image))

    def pixels(self, images: tf.Tensor) -> tf.Tensor:
        """Decodes and prepares images, for an encoder with a size.

        Args:
          images: string [B], bytes of JPEG or PNG files.

        Returns:
          float32 [B, size, size, 3], what `network` reads.
        """
        return _one_by_one(self.preprocess, images, [self.size, self.size, 3])

    def encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """Encodes prepared images.

        Args:
          pixels: float32 [B, H, W, 3], as `preprocess` gives them.

        Returns:
          float32 [B, *feature_shape].
        """
        features = self.network(pixels, training=False)
        return tf.ensure_shape(features, [None, *self.feature_shape])


def _one_by_one(
    function: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    shape: Sequence[int | None],
) -> tf.Tensor:
    """Applies string scalar → float32 [*shape] to string [B], in turn: float32 [B, *shape]."""
    spec = tf.TensorSpec(shape, tf.float32)
    return tf.map_fn(
        function,
        images,
        fn_output_signature=spec,
        parallel_iterations=1,
    )


def resized(
    image: tf.Tensor,
    size: int,
    method: str = "bilinear",
) -> tf.Tensor:
    """Squeezes a whole image to a square, with antialiasing.

    Args:
      image: uint8 [h, w, 3].
      size: height and width of the square.
      method: as of `tf.image.resize`.

    Returns:
      float32 [size, size, 3]; 0 to 255, and a little beyond with "bicubic".
    """
    pixels = tf.image.resize(image, [size, size], method, antialias=True)
    return tf.ensure_shape(pixels, [size, size, 3])
