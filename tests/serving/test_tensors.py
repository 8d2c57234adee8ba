import numpy as np
import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.serving import image_headers, tensors


def proto(value, *shape):
    """`TensorProto` of one value that is declared to have a shape."""
    made = tf.make_tensor_proto(value)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


def test_one_number_fills_a_shape():
    found = tensors.unpack(proto(np.float32(2), 3, 2), 1000)
    np.testing.assert_array_equal(found, np.full((3, 2), 2, np.float32))


def test_one_string_does_not_fill_a_shape():
    with pytest.raises(ValueError, match="declares 1,024 strings and holds 1"):
        tensors.unpack(proto(b"x", 1024), 10**6)
    assert tensors.unpack(proto(b"x", 1), 10**6).tolist() == [b"x"]


@pytest.mark.parametrize(
    "shape, match",
    [
        ([1000], "declares 1,000 elements, too many"),
        ([-1], "negative"),
        ([1] * 9, "more than 8 axes"),
        ([2**62] * 8, "too many"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(shape, match):
    with pytest.raises(ValueError, match=match):
        tensors.unpack(proto(np.int32(1), *shape), 1000)


def test_pixels_of_every_format_are_read_from_the_header():
    pixels = tf.zeros([3, 5, 3], tf.uint8)
    webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x04\0\0\x02\0\0"
    lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (4 | 2 << 14).to_bytes(4, "little")
    lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x05\0\x03\0"
    files = [
        tf.io.encode_png(pixels).numpy(),
        tf.io.encode_jpeg(pixels).numpy(),
        b"GIF89a\x05\0\x03\0",
        b"BM" + bytes(16) + b"\x05\0\0\0\xfd\xff\xff\xff",  # upside down: a height of -3
        webp,
        lossless,
        lossy,
    ]
    assert [image_headers.pixels(data) for data in files] == [15] * 7


def test_what_is_no_image_declares_no_pixels():
    files = [
        b"",
        b"BMW",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        fakes.image_file(0)[:20],
        b"RIFFed",
    ]
    assert [image_headers.pixels(data) for data in files] == [0] * 6
