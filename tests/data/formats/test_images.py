import io
import os
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.data import making
from tests.data.making import pixels
from tfvse.data.formats import images

RAMP = np.linspace(0, 255, 16 * 16 * 3).reshape(16, 16, 3).astype(np.uint8)


def opened(data):
    return Image.open(io.BytesIO(data))


def bomb(width, height):
    """A PNG of a hundred bytes that declares width x height pixels."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_images_are_kept_byte_for_byte(kind, mode):
    data = making.encode(Image.fromarray(RAMP).convert(mode), kind)
    assert images.read(data) == images.verify(data) == data
    assert pixels(data).shape == (16, 16, 3)


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "GIF", "TIFF"])
def test_other_formats_become_png(kind):
    data = images.read(making.encode(RAMP, kind))
    assert opened(data).format == "PNG"
    assert pixels(data).shape == (16, 16, 3)


def test_transparency_lies_on_white():
    half = np.concatenate(
        [RAMP, np.where(np.arange(16) < 8, 0, 255)[None, :, None].repeat(16, 0)], -1
    ).astype(np.uint8)
    found = pixels(images.read(making.png(half)))
    assert (found[:, :8] == 255).all()
    np.testing.assert_array_equal(found[:, 8:], RAMP[:, 8:])


def test_a_transparent_palette_lies_on_white():
    palette = Image.fromarray(RAMP).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    data = making.encode(palette, "PNG", transparency=int(np.asarray(palette)[0, 0]))
    assert pixels(images.read(data))[0, 0].tolist() == [255, 255, 255]


def test_cmyk_is_kept_and_decoded_as_rgb():
    data = images.read(making.encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG"))  # cyan
    np.testing.assert_allclose(pixels(data)[8, 8], [0, 255, 255], atol=6)


def test_sixteen_bits_are_scaled_to_eight():
    data = images.read(making.png((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)))
    np.testing.assert_allclose(pixels(data)[..., 0], np.arange(256).reshape(16, 16), atol=1)


def test_a_turned_camera_is_set_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is on the right
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 8:] = 200
    found = pixels(images.read(making.encode(wide, "JPEG", exif=exif)))
    assert found.shape == (16, 8, 3)
    assert found[0].mean() < 60 and found[-1].mean() > 150


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty file"),
        (b"no image at all", "not an image"),
        (bomb(60_000, 60_000), "too large"),
        (bomb(9_000, 9_000), "9000 x 9000"),
        (making.jpeg()[:-200], "cut off"),
        (making.png(RAMP)[:-30], "cut off"),
        (making.png(RAMP)[:20], "unreadable"),
    ],
)
def test_bad_images_are_told_in_a_few_words(data, sentence):
    with pytest.raises(images.BadImage, match=sentence):
        images.verify(data)


def test_files(tmp_path, monkeypatch):
    path = tmp_path / "a.JPG"
    with pytest.raises(images.BadImage, match="missing"):
        images.read(path)
    path.write_bytes(making.jpeg())
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "notes.txt").touch()
    assert images.files(tmp_path) == [path]
    assert images.read(path) == path.read_bytes()
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    with pytest.raises(images.BadImage, match="too large"):
        images.read(path)


@pytest.mark.parametrize("kind", ["AVIF", "EPS", "DDS", "PPM", "ICO", "TGA", "PCX", "SGI"])
def test_other_formats_are_refused_whatever_their_name(tmp_path, kind, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(making.encode(RAMP, kind))
    monkeypatch.setattr(subprocess, "Popen", None)  # Pillow starts Ghostscript for EPS
    with pytest.raises(images.BadImage, match="not an image of these: JPEG, PNG"):
        images.verify(tmp_path / "a.jpg")


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_numbers_without_a_known_white_are_refused(dtype):
    with pytest.raises(images.BadImage, match="32 bits a pixel"):
        images.read(making.encode(np.ones((4, 4), dtype), "TIFF"))


def test_sixteen_bits_in_either_byte_order_give_the_same():
    values = np.random.default_rng(0).integers(0, 2**16, (16, 16), np.uint16)
    little = making.encode(values, "TIFF")
    big = making.encode(Image.frombytes("I;16B", (16, 16), values.astype(">u2").tobytes()), "TIFF")
    for data in (little, big):
        np.testing.assert_array_equal(pixels(images.read(data))[..., 0], values // 256)


def test_whatever_a_decoder_raises_is_a_bad_image(monkeypatch):
    def broken(*arguments):
        raise AssertionError("of a decoder")

    monkeypatch.setattr(Image.Image, "convert", broken)
    with pytest.raises(images.BadImage, match="AssertionError of a decoder"):
        images.read(making.encode(RAMP, "BMP"))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_an_image_is_a_regular_file(tmp_path, make):
    make(tmp_path / "a.jpg")
    with pytest.raises(images.BadImage, match="not a regular file"):
        images.verify(tmp_path / "a.jpg")


def test_encoded_pixels_come_back():
    np.testing.assert_array_equal(pixels(images.encode_png(RAMP)), RAMP)
