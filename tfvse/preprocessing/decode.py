"""From JPEG or PNG bytes to pixels as a person sees them, in stock TensorFlow ops.

An exported model can hold these ops. The header is read first, so a bomb is never unpacked.

Other formats have no stock op that is right. GIF's unpacks all frames (a GIF of 0.8 MB took 965 MB)
and paints transparency black. BMP's reads palettes as grey. WebP's is not in every TensorFlow.
`images.read` converts these formats, in front of training and of a served model alike.
"""

import tensorflow as tf

from tfvse.preprocessing import headers
from tfvse.preprocessing.image_formats import JPEG, MAX_PIXELS, PNG

# A PNG's signature (8), length and type of the IHDR chunk (8), width, height (8), depth, colour
# type.
_PNG_HEADER = 26
_HAS_ALPHA = 4  # bit of a PNG's colour type


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode_image(image: tf.Tensor) -> tf.Tensor:
    """Decodes one image.

    It is turned upright by its EXIF orientation and stands on white where it is transparent. Grey
    and palettes become RGB.

    Args:
      image: string scalar, the bytes of a JPEG or PNG file.

    Returns:
      uint8 [H, W, 3], 0 to 255.

    Raises:
      tf.errors.InvalidArgumentError: neither JPEG nor PNG, damaged, or more than `MAX_PIXELS`
        pixels by its header.
    """
    with tf.control_dependencies([_check_size(_size(image))]):
        image = tf.identity(image)
    pixels, orientation = tf.cond(
        _starts_with(image, PNG),
        lambda: _decode_png(image),
        lambda: _decode_jpeg(image),
    )
    upright = tf.cond(
        orientation == headers.UPRIGHT,
        lambda: pixels,
        lambda: _turned(pixels, orientation),
    )
    return tf.ensure_shape(upright, [None, None, 3])


def _decode_jpeg(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(pixels uint8 [H, W, 3], EXIF orientation int64 scalar) of a JPEG."""
    return tf.io.decode_jpeg(image, channels=3), headers.jpeg_orientation(image)


def _decode_png(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(pixels uint8 [H, W, 3], EXIF orientation int64 scalar) of a PNG."""
    orientation, names_transparent_colour = headers.png_orientation(image)
    last = tf.strings.substr(image, _PNG_HEADER - 1, 1)
    colour_type = tf.io.decode_raw(last, tf.uint8)[0]
    has_alpha = tf.bitwise.bitwise_and(colour_type, _HAS_ALPHA) > 0

    pixels = tf.cond(
        names_transparent_colour | has_alpha,
        lambda: _on_white(tf.io.decode_png(image, channels=4)),
        lambda: tf.io.decode_png(image, channels=3),
    )
    return pixels, orientation


def _on_white(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 4] → uint8 [H, W, 3]: colour · alpha + white · (1 − alpha), rounded."""
    pixels = tf.cast(pixels, tf.int32)
    alpha = pixels[..., 3:]
    mixed = pixels[..., :3] * alpha + 255 * (255 - alpha)
    return tf.cast((mixed + 127) // 255, tf.uint8)


def _turned(
    pixels: tf.Tensor,
    orientation: tf.Tensor,
) -> tf.Tensor:
    """Undoes an EXIF orientation: the diagonal first, then left and right, top and bottom.

    Args:
      pixels: uint8 [H, W, 3].
      orientation: int64 scalar, 2 to 8.

    Returns:
      uint8 [H, W, 3] or [W, H, 3].
    """
    flips_columns = tf.reduce_any(orientation == [2, 3, 6, 7])
    flips_rows = tf.reduce_any(orientation == [3, 4, 7, 8])

    pixels = tf.cond(orientation >= 5, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    pixels = tf.cond(flips_columns, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    return tf.cond(flips_rows, lambda: tf.reverse(pixels, [0]), lambda: pixels)


def _starts_with(
    image: tf.Tensor,
    signature: bytes,
) -> tf.Tensor:
    """Whether a file begins with `signature`, bool scalar."""
    return tf.equal(tf.strings.substr(image, 0, len(signature)), signature)


def _size(image: tf.Tensor) -> tf.Tensor:
    """Height and width as the header claims them, int32 [2]; zeros where there is no header."""
    header = tf.strings.substr(image, 0, _PNG_HEADER)
    is_png = _starts_with(image, PNG) & tf.equal(tf.strings.length(header), _PNG_HEADER)
    return tf.case(
        [
            (is_png, lambda: _png_size(header)),
            (_starts_with(image, JPEG), lambda: tf.io.extract_jpeg_shape(image, tf.int32)[:2]),
        ],
        default=lambda: tf.zeros([2], tf.int32),
    )


def _png_size(header: tf.Tensor) -> tf.Tensor:
    """Height and width in the header of a PNG, int32 [2]."""
    digits = tf.strings.substr(header, 16, 8)
    width_and_height = tf.io.decode_raw(digits, tf.int32, little_endian=False)
    return tf.ensure_shape(tf.reverse(width_and_height, [0]), [2])


def _check_size(size: tf.Tensor) -> tf.Operation:
    """The op that raises where `size`, int32 [2], is no image's or too large to decode."""
    height, width = tf.unstack(tf.cast(size, tf.int64))
    sentence = f"The image is {{}} by {{}} pixels; the most that is decoded is {MAX_PIXELS} pixels."
    told = tf.strings.format(sentence, (height, width))
    is_image = (height > 0) & (width > 0)
    return tf.group(
        tf.debugging.Assert(is_image, ["The bytes are not a JPEG or PNG image."]),
        tf.debugging.Assert(height * width <= MAX_PIXELS, [told]),
    )
