"""Mutated images through what a served model does: conversion, then the graph's decoder."""

import random

import numpy as np
import tensorflow as tf
from PIL import Image

from tests.data import making
from tests.hostile import attack
from tfvse.preprocessing.decode import decode_image
from tfvse.serving import image_inputs

COUNT = 400
PIXELS = np.random.default_rng(2).integers(0, 256, (24, 31, 4), np.uint8)


def decode(data):
    """One image as the server and the graph take it; as a batch, as in an exported model."""
    images = np.array([data], object)
    (image,) = image_inputs.converted({"image": images})["image"]
    assert decode_image(tf.constant(image)).shape[-1] == 3


def graph_alone(data):
    """The bytes as another server would hand them to the graph."""
    assert decode_image(tf.constant(data)).shape[-1] == 3


def good_files():
    """One file of each kind: with EXIF, transparency, a palette, CMYK, several frames."""
    exif = Image.Exif()
    exif[0x0112] = 7
    exif[0x010F] = "camera" * 9
    rgba = Image.fromarray(PIXELS)
    rgb = rgba.convert("RGB")
    palette = rgb.quantize(50)
    return {
        "jpeg": making.encode(rgb, "JPEG", exif=exif),
        "cmyk": making.encode(rgb.convert("CMYK"), "JPEG", exif=exif),
        "progressive": making.encode(rgb, "JPEG", progressive=True, exif=exif),
        "png": making.encode(rgba, "PNG", exif=exif),
        "palette": making.encode(palette, "PNG", transparency=bytes(range(50)), exif=exif),
        "gif": making.encode(palette, "GIF", save_all=True, append_images=[palette, palette]),
        "bmp": making.encode(palette, "BMP"),
        "webp": making.encode(rgba, "WEBP", exif=exif),
    }


def mutated():
    """name → bytes, `COUNT` in all; half of the damage lies in the header, with sizes and EXIF."""
    rng = random.Random(17)
    files = good_files()
    found = {}
    for name, data in files.items():
        head = min(len(data), 200)
        each = COUNT // len(files) // 2
        everywhere = attack.mutations(data, each, rng)
        in_header = (cut + data[head:] for cut in attack.mutations(data[:head], each, rng))
        for number, damaged in enumerate([*everywhere, *in_header]):
            found[f"{name} {number}"] = damaged
    return found


def test_mutated_images_are_decoded_or_refused():
    refusals = (tf.errors.InvalidArgumentError,)
    inputs = mutated()
    assert len(inputs) == COUNT
    for entrance in (decode, graph_alone):
        outcomes = attack.attack(entrance, inputs, refusals)
        print(f"{entrance.__name__}: {attack.summary(outcomes)}")
        attack.require_held(outcomes)


def test_bombs_are_refused_by_their_header():
    frame = making.encode(Image.new("L", (4000, 4000)), "GIF")
    behind_header = frame[13 + 3 * 4 : -1]  # a palette of four colours, and the end
    wide = Image.new("1", (8200, 8200))
    inputs = {
        "png": making.encode(wide, "PNG"),
        "bmp": making.encode(wide, "BMP"),
        "gif": frame[:6] + b"\xff\xff\xff\xff" + frame[10:],
        "frames": frame[:-1] + 100 * behind_header + b";",
    }
    outcomes = attack.attack(decode, inputs, (tf.errors.InvalidArgumentError,))
    print(attack.summary(outcomes))
    attack.require_held(outcomes)
    assert [o.end for o in outcomes] == ["refused", "refused", "refused", "used"]
    assert outcomes[-1].peak - outcomes[0].peak < 300 * 2**20  # one frame, not a hundred
