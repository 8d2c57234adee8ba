"""Pictures at the edge: read with bounds, told plainly when bad, and brought into a form that TensorFlow decodes right.

What is kept is the original file when it is an upright RGB or grey JPEG or PNG. Everything else that Pillow reads
(CMYK, palettes, transparency, a turned camera, WebP, BMP, GIF ...) becomes RGB: transparency on white, orientation
applied; as JPEG of quality 95 when it was a JPEG, as PNG otherwise.
"""

import io
import pathlib
import warnings

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps, UnidentifiedImageError

from tfvse.preprocessing.decode import MAX_PIXELS, decode_picture

MAX_BYTES = 64 * 2**20
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_ORIENTATION = 0x0112
_PLAIN_MODES = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L")}


class BadPicture(ValueError):
    """A picture that cannot be used; the message says why in a few words."""


def read(picture):
    """The bytes of a picture, in a form that `decode_picture` reads.

    Args:
      picture: pathlib.Path of a file, or the bytes of one.

    Returns:
      bytes of a JPEG or PNG.

    Raises:
      BadPicture: missing, empty, too large, not a picture, or damaged in the header.
    """
    data = _bytes(picture)
    with _open(data) as image:
        plain = (
            image.mode in _PLAIN_MODES.get(image.format, ()) and "transparency" not in image.info
        )
        # Asked for what it has not met yet, Pillow decodes a whole PNG.
        turned = (image.format == "JPEG" or "exif" in image.info) and image.getexif().get(
            _ORIENTATION, 1
        ) != 1
        if plain and not turned:
            return data
        return _converted(image)


def verify(picture):
    """Like `read`, but decodes the result as training will, so that a cut-off file is noticed; returns the bytes."""
    data = read(picture)
    try:
        decode_picture(tf.constant(data))
    except tf.errors.OpError:
        raise BadPicture("unreadable: damaged or cut off") from None
    return data


def read_labels(picture):
    """The numbers of a label map: of a palette picture its indices, not its colours.

    Args:
      picture: pathlib.Path of a grey or palette PNG of 8 bits, or its bytes.

    Returns:
      uint8 [H, W].

    Raises:
      BadPicture: as `read`, or another kind of picture.
    """
    with _open(_bytes(picture)) as image:
        if image.format != "PNG" or image.mode not in ("L", "P"):
            raise BadPicture(
                f"not a label map: a {image.format} in {image.mode}, must be a grey or palette PNG"
            )
        _load(image)
        return np.array(image)


def encode_png(pixels):
    """PNG bytes of uint8 [H, W, 3] or [H, W]."""
    return _encoded(Image.fromarray(pixels), "PNG")


def files(folder):
    """Pictures directly in `folder`, by name; hidden files are passed over."""
    found = (
        p
        for p in pathlib.Path(folder).iterdir()
        if p.suffix.lower() in EXTENSIONS and p.name[0] != "."
    )
    return sorted(found)


def _bytes(picture):
    if isinstance(picture, bytes):
        return picture
    try:
        size = picture.stat().st_size
        if size > MAX_BYTES:
            raise BadPicture(
                f"too large: {size / 2**20:,.0f} MB, at most {MAX_BYTES // 2**20} MB are read"
            )
        return picture.read_bytes()
    except FileNotFoundError:
        raise BadPicture("missing") from None
    except OSError as error:
        raise BadPicture(f"unreadable: {error.strerror}") from None


def _open(data):
    """Opens a picture without decoding it and checks the size that its header declares."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow's own bound is a warning; ours, below, is strict
            image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise BadPicture(f"too large: more than {MAX_PIXELS:,} pixels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise BadPicture(
            "unreadable: not a picture" if data else "unreadable: empty file"
        ) from None
    if image.width * image.height > MAX_PIXELS:
        raise BadPicture(
            f"too large: {image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are decoded"
        )
    return image


def _load(image):
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadPicture(f"unreadable: damaged or cut off ({error})") from None


def _converted(image):
    _load(image)
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        layered = upright.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        upright = Image.alpha_composite(white, layered)
    elif upright.mode.startswith("I;16"):
        upright = upright.point(lambda value: value / 256).convert("L")
    return _encoded(upright.convert("RGB"), "JPEG" if image.format == "JPEG" else "PNG")


def _encoded(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return buffer.getvalue()
