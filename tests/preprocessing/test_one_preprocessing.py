"""Preparation and an exported model see the same in a file of any format, mode and camera."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data import making
from tfvse.data.formats import images
from tfvse.preprocessing import headers
from tfvse.preprocessing.decode import decode_image

LEVELS = 2.0  # mean difference that two JPEG decoders may have
NOISE = np.random.default_rng(5).integers(0, 256, (9, 14, 4), dtype=np.uint8)
RGBA = Image.fromarray(NOISE)
RGB = RGBA.convert("RGB")
SIXTEEN = Image.fromarray(NOISE[..., :2].copy().view(np.uint16)[..., 0])

PNGS = {
    "RGB": (RGB, {}),
    "RGBA": (RGBA, {}),
    "grey": (RGB.convert("L"), {}),
    "grey and alpha": (RGBA.convert("LA"), {}),
    "one bit": (RGB.convert("1"), {}),
    "sixteen bits": (SIXTEEN, {}),
    "palette": (RGB.quantize(100), {}),
    "palette of four bits": (RGB.quantize(11), {}),
    "palette with a transparent colour": (RGB.quantize(100), {"transparency": 7}),
    "palette with alphas": (RGB.quantize(11), {"transparency": bytes(range(0, 242, 22))}),
    "a transparent grey": (RGB.convert("L"), {"transparency": 16}),
    "a transparent bit": (RGB.convert("1"), {"transparency": 0}),
    "a transparent RGB": (RGB, {"transparency": tuple(map(int, NOISE[0, 0, :3]))}),
}
OTHERS = {
    "BMP": RGB,
    "BMP of a palette": RGB.quantize(100),
    "GIF": RGB.quantize(100),
    "TIFF": RGBA,
    "WEBP": RGBA,
}


def exif(orientation, order="<"):
    """An EXIF block of another field and this orientation."""
    found = Image.Exif()
    found.endian = order
    found[0x010F] = "a camera"
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("kind", PNGS)
def test_a_png_is_exact_in_every_mode_and_orientation(kind):
    image, options = PNGS[kind]
    for orientation in range(1, 9):
        data = making.encode(image, "PNG", exif=exif(orientation), **options)
        assert images.read(data) == data
        np.testing.assert_array_equal(decode_image(data), images.pixels(data))


@pytest.mark.parametrize("kind", OTHERS)
def test_other_formats_are_converted_without_loss(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = making.encode(OTHERS[kind], kind.split(" ")[0], **options)
    np.testing.assert_array_equal(decode_image(images.read(data)), images.pixels(data))


def test_a_transparent_gif_lies_on_white_and_shows_its_first_frame():
    frames = [Image.new("P", (6, 4), number) for number in (3, 9)]
    for frame in frames:
        frame.putpalette([value for level in range(256) for value in (level, 0, 0)])
    data = making.encode(frames[0], "GIF", save_all=True, append_images=frames[1:], transparency=3)
    assert (decode_image(images.read(data)).numpy() == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("order", "<>")
def test_a_jpeg_is_close_in_every_orientation(mode, order):
    smooth = RGB.resize((6, 4)).resize((60, 40), Image.Resampling.BICUBIC).convert(mode)
    for orientation in range(1, 9):
        data = making.encode(smooth, "JPEG", quality=95, exif=exif(orientation, order))
        found = np.float32(decode_image(data))
        wanted = np.float32(images.pixels(data))
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).mean() < LEVELS


def jpeg_with(*segments):
    """A JPEG with these (marker, data) behind its beginning."""
    plain = making.encode(RGB, "JPEG")
    made = [bytes((0xFF, m)) + struct.pack(">H", len(d) + 2) + d for m, d in segments]
    return plain[:2] + b"".join(made) + plain[2:]


TURNED = b"Exif\0\0" + b"MM\0*\0\0\0\x08" + b"\0\1" + b"\x01\x12\0\3\0\0\0\1\0\6\0\0"


def test_exif_is_found_behind_other_segments():
    data = jpeg_with(
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0"), (0xEE, b"x" * 60000), (0xE1, TURNED)
    )
    assert headers.jpeg_orientation(tf.constant(data)) == 6


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        TURNED[:-1],  # the field is cut off
        TURNED.replace(b"MM\0*", b"MM\0+"),
        TURNED.replace(b"\0\0\0\x08", b"\xff\xff\xff\xff"),  # the list of fields lies elsewhere
        TURNED.replace(b"\0\6", b"\0\x09"),  # no such orientation
        TURNED.replace(b"\0\3", b"\0\2"),  # a text
    ],
)
def test_exif_that_makes_no_sense_is_ignored(block):
    data = jpeg_with((0xE1, block))
    np.testing.assert_array_equal(decode_image(data), decode_image(making.encode(RGB, "JPEG")))


def test_a_walk_through_endless_segments_ends():
    assert headers.jpeg_orientation(b"\xff\xd8" + b"\xff" * 100_000) == 1
    assert headers.jpeg_orientation(b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000) == 1
    assert headers.png_orientation(bytes(33) + (bytes(4) + b"tEXt" + bytes(4)) * 100_000)[0] == 1
