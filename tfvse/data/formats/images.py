"""Images at the edge: read with bounds, told plainly when bad, in a form that TensorFlow decodes right.

What is kept is the original file of a JPEG or PNG: `decode_image` turns it upright and puts white
beneath its transparency, in training as in an exported model. Everything else that is read (WebP,
BMP, TIFF, the first frame of a GIF) becomes a PNG of the same pixels: upright, on white, RGB.
Preparation, client, server and search all call `read`.
"""

import contextlib
import io
import pathlib
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfvse.errors import UserError
from tfvse.preprocessing.image_formats import MAX_PIXELS, is_decoded
from tfvse.reading import BadFile, read_bytes

MAX_BYTES = 64 * 2**20
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # of Pillow's many; others start programs


class BadPicture(ValueError):
    """A picture that cannot be used; the message says why in a few words."""


def read(picture):
    """The bytes of a picture, in a form that `decode_image` reads.

    Args:
      picture: pathlib.Path of a file, or the bytes of one.

    Returns:
      bytes of a JPEG or PNG.

    Raises:
      BadPicture: missing, empty, too large, not a picture, or damaged in the header.
    """
    data = _bytes(picture)
    with opened(data) as image:
        return data if is_decoded(data) else _png(_as_seen(image))


def pixels(picture):
    """The pixels of an image as a person sees them, decoded by Pillow.

    Args:
      picture: pathlib.Path of a file, or the bytes of one.

    Returns:
      uint8 [H, W, 3]: upright, on white.

    Raises:
      BadPicture: as `read`, or cut off.
    """
    with opened(picture) as image:
        return np.array(_as_seen(image))


def verify(picture):
    """Like `read`, but decodes the result as training will, so that a cut-off file is noticed; returns the bytes."""
    import tensorflow as tf

    from tfvse.preprocessing.decode import decode_image

    data = read(picture)
    try:
        decode_image(tf.constant(data))
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
    with opened(picture) as image:
        if image.format != "PNG" or image.mode not in ("L", "P"):
            raise BadPicture(
                f"not a label map: a {image.format} in {image.mode}, must be a grey or palette PNG"
            )
        return np.array(image)


def encode_png(pixels):
    """PNG bytes of uint8 [H, W, 3] or [H, W]."""
    return _png(Image.fromarray(pixels))


def files(folder):
    """Pictures directly in `folder`, by name; hidden files are passed over."""
    found = (
        p
        for p in pathlib.Path(folder).iterdir()
        if p.suffix.lower() in EXTENSIONS and p.name[0] != "."
    )
    return sorted(found)


@contextlib.contextmanager
def opened(picture, most_pixels=MAX_PIXELS):
    """A Pillow image of one of `FORMATS`, not decoded yet; what its decoder raises is `BadPicture`.

    Args:
      picture: pathlib.Path of a file, or the bytes of one.
      most_pixels: that its header may declare.

    Yields:
      PIL.Image.Image.

    Raises:
      BadPicture: another format, too many pixels, damaged or cut off.
    """
    data = _bytes(picture)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bound is a warning; ours is strict
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _require_size(image, most_pixels)
                yield image
    except (BadPicture, UserError):
        raise
    except Image.DecompressionBombError:
        raise BadPicture(f"too large: more than {most_pixels:,} pixels") from None
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        fault = f"not a picture of these: {kinds}" if data else "empty file"
        raise BadPicture(f"unreadable: {fault}") from None
    except Exception as error:  # of a damaged file, a decoder raises whatever its bytes lead it to
        raise BadPicture(f"unreadable: damaged or cut off ({_short(error)})") from None


def _short(error):
    return " ".join(f"{type(error).__name__} {error}".split())[:100]


def _require_size(image, most_pixels):
    if image.width * image.height > most_pixels:
        raise BadPicture(
            f"too large: {image.width} x {image.height} pixels, at most {most_pixels:,} are decoded"
        )


def _bytes(picture):
    if isinstance(picture, bytes):
        return picture
    try:
        return read_bytes(picture, MAX_BYTES)
    except BadFile as error:
        raise BadPicture(error.reason) from None


def _as_seen(image):
    """A Pillow image upright by its EXIF orientation, white beneath its transparency, in RGB."""
    if image.mode in ("F", "I"):  # no one knows which of its numbers is white
        raise BadPicture(
            f"unreadable: 32 bits a pixel (mode {image.mode}), save it with 8 bits a channel"
        )
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        layered = upright.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        upright = Image.alpha_composite(white, layered)
    elif upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright) // 256).astype(np.uint8))
    return upright.convert("RGB")


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
