"""Bounded decoding, eagerly and in a graph."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from tfvse.preprocessing.decode import decode_image

PIXELS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
PNG = tf.io.encode_png(PIXELS).numpy()
JPEG = tf.io.encode_jpeg(PIXELS).numpy()


def png_header(width, height):
    """The beginning of a PNG file that claims this size."""
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
        + struct.pack(">II", width, height)
        + b"\x08\2\0\0\0"
        + b"\0" * 40
    )


def jpeg_of(width, height):
    """A JPEG whose frame header claims this size."""
    frame = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:frame] + struct.pack(">HH", height, width) + JPEG[frame + 4 :]


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def decode_all(images):
    return tf.map_fn(
        decode_image, images, fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )


def test_png_is_exact():
    np.testing.assert_array_equal(decode_image(PNG), PIXELS)
    np.testing.assert_array_equal(decode_all([PNG])[0], PIXELS)


def test_jpeg_is_close():
    image = decode_image(JPEG)
    assert image.shape == (5, 7, 3) and image.dtype == tf.uint8
    assert np.abs(np.float32(image) - PIXELS).mean() < 8


@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, np.uint8), (2, np.uint8), (4, np.uint8), (3, np.uint16)]
)
def test_every_kind_of_png_becomes_rgb(channels, dtype):
    image = tf.io.encode_png(np.full([2, 3, channels], np.iinfo(dtype).max, dtype))
    np.testing.assert_array_equal(decode_image(image), np.full([2, 3, 3], 255))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (png_header(60_000, 60_000), "60000 by 60000 pixels; the most"),
        (jpeg_of(60_000, 50_000), "50000 by 60000 pixels; the most"),
        (png_header(0, 5), "not a JPEG or PNG"),
        (png_header(2**31 + 1, 5), "not a JPEG or PNG"),
        (b"", "not a JPEG or PNG"),
        (b"GIF89a" + b"\0" * 100, "not a JPEG or PNG"),
        (PNG[:20], "not a JPEG or PNG"),
        (JPEG[:-200], "Invalid JPEG data"),
        (PNG[:-30], "(?i)png"),
    ],
)
def test_refused_before_or_while_decoding(data, sentence):
    for decode in (decode_image, lambda image: decode_all([image])):
        with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
            decode(data)


def test_a_large_image_that_is_allowed():
    assert decode_image(tf.io.encode_png(np.zeros([9000, 10, 3], np.uint8))).shape == (
        9000,
        10,
        3,
    )
