"""From JPEG or PNG bytes to pixels, in stock TensorFlow ops; the header is read first, so a bomb is never unpacked."""

import tensorflow as tf

MAX_PIXELS = 64_000_000  # 192 MB once decoded
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_HEADER = 24  # signature (8), length and type of the IHDR chunk (8), width (4), height (4)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode_picture(picture: tf.Tensor) -> tf.Tensor:
    """Decodes one picture; alpha is dropped, grey and palettes become RGB, an EXIF orientation is not applied.

    Args:
      picture: string scalar, the bytes of a JPEG or PNG file.

    Returns:
      uint8 [H, W, 3], 0 to 255.

    Raises:
      tf.errors.InvalidArgumentError: neither JPEG nor PNG, damaged, or more than `MAX_PIXELS` pixels by its header.
    """
    with tf.control_dependencies([_check_size(_size(picture))]):
        pixels = tf.io.decode_image(tf.identity(picture), channels=3, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, 3])


def _starts_with(picture, signature):
    return tf.equal(tf.strings.substr(picture, 0, len(signature)), signature)


def _size(picture):
    """Height and width as the header claims them, int64 [2]; zeros when the bytes are no JPEG or PNG."""
    header = tf.strings.substr(picture, 0, _PNG_HEADER)
    is_png = _starts_with(picture, _PNG) & tf.equal(tf.strings.length(header), _PNG_HEADER)
    return tf.case(
        [
            (is_png, lambda: _png_size(header)),
            (_starts_with(picture, _JPEG), lambda: tf.io.extract_jpeg_shape(picture, tf.int32)[:2]),
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
        tf.debugging.Assert(
            (height > 0) & (width > 0), ["The bytes are not a JPEG or PNG picture."]
        ),
        tf.debugging.Assert(
            height * width <= MAX_PIXELS, [tf.strings.format(sentence, (height, width))]
        ),
    )
