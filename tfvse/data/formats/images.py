"""Images that come from outside: read with bounds, and converted to what TensorFlow decodes.

The original file of a JPEG or PNG is kept: `decode_image` turns it upright and puts white beneath
its transparency, in training as in an exported model. Everything else that is read (WebP, BMP,
TIFF, the first frame of a GIF) becomes a PNG of the same pixels: upright, on white, RGB.
Preparation, client, server and search all call `read`.
"""

import contextlib
import io
import pathlib
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfvse.errors import UserError
from tfvse.preprocessing.image_formats import MAX_PIXELS, is_decoded
from tfvse.reading import BadFile, read_bytes

MAX_BYTES = 64 * 2**20
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # of Pillow's many; others start programs

Source = pathlib.Path | bytes  # path of a file, or its bytes


class BadImage(ValueError):
    """An image that cannot be used; the message says why in a few words."""


def read(source: Source) -> bytes:
    """The bytes of an image, in a form that `decode_image` reads.

    Args:
      source: path of a file, or its bytes.

    Returns:
      A JPEG or PNG file.

    Raises:
      BadImage: missing, empty, too large, not an image, or damaged in the header.
    """
    data = _bytes(source)
    with opened(data) as image:
        return data if is_decoded(data) else _png(_as_seen(image))


def pixels(source: Source) -> np.ndarray:
    """The pixels of an image as a person sees them, decoded by Pillow.

    Args:
      source: path of a file, or its bytes.

    Returns:
      uint8 [H, W, 3]: upright, on white.

    Raises:
      BadImage: as `read`, or cut off.
    """
    with opened(source) as image:
        return np.array(_as_seen(image))


def verify(source: Source) -> bytes:
    """Like `read`, but decodes the result as training will, which finds a cut-off file."""
    import tensorflow as tf

    from tfvse.preprocessing.decode import decode_image

    data = read(source)
    try:
        decode_image(tf.constant(data))
    except tf.errors.OpError:
        raise BadImage("unreadable: damaged or cut off") from None
    return data


def read_labels(source: Source) -> np.ndarray:
    """The numbers of a label map: of a palette image its indices, not its colours.

    Args:
      source: path of a grey or palette PNG of 8 bits, or its bytes.

    Returns:
      uint8 [H, W].

    Raises:
      BadImage: as `read`, or another kind of image.
    """
    with opened(source) as image:
        if image.format != "PNG" or image.mode not in ("L", "P"):
            raise BadImage(
                f"not a label map: a {image.format} in {image.mode}, must be a grey or palette PNG"
            )
        return np.array(image)


def encode_png(values: np.ndarray) -> bytes:
    """PNG bytes of uint8 [H, W, 3] or [H, W]."""
    return _png(Image.fromarray(values))


def files(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Images directly in `folder`, by name; hidden files are passed over."""
    found = []
    for path in pathlib.Path(folder).iterdir():
        if path.suffix.lower() in EXTENSIONS and path.name[0] != ".":
            found.append(path)
    return sorted(found)


@contextlib.contextmanager
def opened(
    source: Source,
    most_pixels: int = MAX_PIXELS,
) -> Iterator[Image.Image]:
    """Opens an image without decoding it; what its decoder raises later is `BadImage`.

    Args:
      source: path of a file of one of `FORMATS`, or its bytes.
      most_pixels: that its header may declare.

    Yields:
      The Pillow image.

    Raises:
      BadImage: another format, too many pixels, damaged or cut off.
    """
    data = _bytes(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bound is a warning; ours is strict
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _require_size(image, most_pixels)
                yield image
    except (BadImage, UserError):
        raise
    except Image.DecompressionBombError:
        raise BadImage(f"too large: more than {most_pixels:,} pixels") from None
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        fault = f"not an image of these: {kinds}" if data else "empty file"
        raise BadImage(f"unreadable: {fault}") from None
    except Exception as error:  # of a damaged file, a decoder raises whatever its bytes lead it to
        raise BadImage(f"unreadable: damaged or cut off ({_short(error)})") from None


def _short(error: Exception) -> str:
    """An error in one short line."""
    return " ".join(f"{type(error).__name__} {error}".split())[:100]


def _require_size(
    image: Image.Image,
    most_pixels: int,
) -> None:
    """Raises BadImage where an image has too many pixels."""
    if image.width * image.height > most_pixels:
        raise BadImage(
            f"too large: {image.width} x {image.height} pixels, at most {most_pixels:,} are decoded"
        )


def _bytes(source: Source) -> bytes:
    """The bytes of a file that is given by its path, or by them."""
    if isinstance(source, bytes):
        return source
    try:
        return read_bytes(source, MAX_BYTES)
    except BadFile as error:
        raise BadImage(error.reason) from None


def _as_seen(image: Image.Image) -> Image.Image:
    """An image upright by its EXIF orientation, white beneath its transparency, in RGB."""
    if image.mode in ("F", "I"):  # no one knows which of its numbers is white
        raise BadImage(
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


def _png(image: Image.Image) -> bytes:
    """An image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
