"""From JPEG or PNG bytes to pixels as a person sees them, in stock TensorFlow ops, which an exported model holds.

The header is read first, so a bomb is never unpacked. Other formats have no stock op that is right: GIF's unpacks all
frames (a GIF of 0.8 MB took 965 MB) and paints transparency black, BMP's reads palettes as grey, WebP's is not in every
TensorFlow. `images.read` converts them, in front of training and of a served model alike.
"""

import tensorflow as tf

from tfvse.preprocessing import headers
from tfvse.preprocessing.image_formats import JPEG, MAX_PIXELS, PNG

_PNG_HEADER = 26  # signature (8), length and type of the IHDR chunk (8), width, height (8), depth, colour type
_HAS_ALPHA = 4  # bit of a PNG's colour type


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode_image(picture: tf.Tensor) -> tf.Tensor:
    """Decodes one image: upright by its EXIF orientation, white beneath transparency, grey and palettes as RGB.

    Args:
      picture: string scalar, the bytes of a JPEG or PNG file.

    Returns:
      uint8 [H, W, 3], 0 to 255.

    Raises:
      tf.errors.InvalidArgumentError: neither JPEG nor PNG, damaged, or more than `MAX_PIXELS` pixels by its header.
    """
    with tf.control_dependencies([_check_size(_size(picture))]):
        picture = tf.identity(picture)
    pixels, orientation = tf.cond(
        _starts_with(picture, PNG), lambda: _decode_png(picture), lambda: _decode_jpeg(picture)
    )
    upright = tf.cond(
        orientation == headers.UPRIGHT, lambda: pixels, lambda: _turned(pixels, orientation)
    )
    return tf.ensure_shape(upright, [None, None, 3])


def _decode_jpeg(picture):
    return tf.io.decode_jpeg(picture, channels=3), headers.jpeg_orientation(picture)


def _decode_png(picture):
    orientation, names_transparent_colour = headers.png_orientation(picture)
    colour_type = tf.io.decode_raw(tf.strings.substr(picture, _PNG_HEADER - 1, 1), tf.uint8)[0]
    is_transparent = names_transparent_colour | (
        tf.bitwise.bitwise_and(colour_type, _HAS_ALPHA) > 0
    )

    pixels = tf.cond(
        is_transparent,
        lambda: _on_white(tf.io.decode_png(picture, channels=4)),
        lambda: tf.io.decode_png(picture, channels=3),
    )
    return pixels, orientation


def _on_white(pixels):
    """uint8 [H, W, 4] → uint8 [H, W, 3]: colour · alpha + white · (1 − alpha), rounded."""
    pixels = tf.cast(pixels, tf.int32)
    alpha = pixels[..., 3:]
    mixed = pixels[..., :3] * alpha + 255 * (255 - alpha)
    return tf.cast((mixed + 127) // 255, tf.uint8)


def _turned(pixels, orientation):
    """Undoes the EXIF orientation of uint8 [H, W, 3]: the diagonal first, then left and right, top and bottom."""
    flips_columns = tf.reduce_any(orientation == [2, 3, 6, 7])
    flips_rows = tf.reduce_any(orientation == [3, 4, 7, 8])

    pixels = tf.cond(orientation >= 5, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    pixels = tf.cond(flips_columns, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    return tf.cond(flips_rows, lambda: tf.reverse(pixels, [0]), lambda: pixels)


def _starts_with(picture, signature):
    return tf.equal(tf.strings.substr(picture, 0, len(signature)), signature)


def _size(picture):
    """Height and width as the header claims them, int64 [2]; zeros when the bytes are no JPEG or PNG."""
    header = tf.strings.substr(picture, 0, _PNG_HEADER)
    is_png = _starts_with(picture, PNG) & tf.equal(tf.strings.length(header), _PNG_HEADER)
    return tf.case(
        [
            (is_png, lambda: _png_size(header)),
            (_starts_with(picture, JPEG), lambda: tf.io.extract_jpeg_shape(picture, tf.int32)[:2]),
        ],
        default=lambda: tf.zeros([2], tf.int32),
    )


def _png_size(header):
    width_and_height = tf.io.decode_raw(
        tf.strings.substr(header, 16, 8), tf.int32, little_endian=False
    )
    return tf.ensure_shape(tf.reverse(width_and_height, [0]), [2])


def _check_size(size):
    height, width = tf.unstack(tf.cast(size, tf.int64))
    sentence = (
        f"The picture is {{}} by {{}} pixels; the most that is decoded is {MAX_PIXELS} pixels."
    )
    return tf.group(
        tf.debugging.Assert((height > 0) & (width > 0), ["The bytes are not a JPEG or PNG image."]),
        tf.debugging.Assert(
            height * width <= MAX_PIXELS, [tf.strings.format(sentence, (height, width))]
        ),
    )
