"""Mutated images of every format that Pillow writes are used or refused."""

import io
import random

import numpy as np
from PIL import Image

from tests.hostile import attack

COUNT = 600
# What is read, and what only looks like it: other formats, and numbers without a known white.
KINDS = (
    "JPEG",
    "PNG",
    "WEBP",
    "BMP",
    "GIF",
    "TIFF",
    "AVIF",
    "BLP",
    "DDS",
    "EPS",
    "ICO",
    "TGA",
    "PPM",
)
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def verify(data):
    from tfvse.data.formats import images

    images.verify(data)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def seeds():
    """name → bytes of a good file of each kind."""
    image = Image.fromarray(PIXELS)
    palette = image.convert("P")
    found = {kind: encoded(palette if kind == "BLP" else image, kind) for kind in KINDS}
    wide = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 85
    big = Image.frombytes("I;16B", (32, 24), wide.astype(">u2").tobytes())
    found["TIFF of 16 bits"] = encoded(Image.fromarray(wide), "TIFF")
    found["TIFF of 16 bits, big-endian"] = encoded(big, "TIFF")
    found["TIFF of int32"] = encoded(Image.fromarray(wide.astype(np.int32)), "TIFF")
    found["TIFF of float32"] = encoded(Image.fromarray(wide.astype(np.float32)), "TIFF")
    found["TIFF, packed"] = encoded(image, "TIFF", compression="tiff_lzw")
    found["CMYK"] = encoded(image.convert("CMYK"), "JPEG")
    found["transparent"] = encoded(image.convert("RGBA"), "PNG")
    found["PNG of 16 bits"] = encoded(Image.fromarray(wide), "PNG")
    found["PSD"] = (
        b"8BPS\0\x01" + bytes(6) + b"\0\x03\0\0\0\x18\0\0\0\x20\0\x08\0\x03" + bytes(3000)
    )
    return found


def test_mutated_images_are_used_or_refused():
    from tfvse.data.formats import images

    rng = random.Random(17)
    good = seeds()
    inputs = {f"{name}, whole": data for name, data in good.items()}
    each = -(-(COUNT - len(inputs)) // len(good))
    for name, data in good.items():
        for number, damaged in enumerate(attack.mutations(data, each, rng)):
            inputs[f"{name}, {number}"] = damaged
    outcomes = attack.attack(verify, inputs, refusals=(images.BadImage,))
    print(attack.summary(outcomes))
    assert len(outcomes) >= COUNT
    attack.require_held(outcomes)
    ends = {outcome.name: outcome.end for outcome in outcomes}
    assert ends["JPEG, whole"] == ends["TIFF of 16 bits, big-endian, whole"] == "used"
    assert ends["EPS, whole"] == ends["PSD, whole"] == ends["TIFF of int32, whole"] == "refused"
