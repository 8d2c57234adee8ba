"""How many pixels images declare in their headers, read before anything is decoded."""

import struct
from collections.abc import Callable

import tensorflow as tf

from tfvse.data.formats import images

Size = tuple[int, int]  # height, width


def pixels(data: bytes) -> int:
    """Pixels that the bytes of a file declare; 0 when they are no image whose header can be read.

    A file that counts 0 here is refused by the graph, which names what is wrong with it.
    """
    for signature, size in _SIZES.items():
        if data.startswith(signature):
            return _product(size, data)
    return 0


def _product(size: Callable[[bytes], Size], data: bytes) -> int:
    """Height times width that `size` reads; 0 where the header is cut off or damaged."""
    try:
        height, width = size(data)
    except (struct.error, IndexError, tf.errors.InvalidArgumentError):
        return 0
    return abs(height) * abs(width)


def _jpeg(data: bytes) -> Size:
    """Height and width of a JPEG."""
    height, width, _ = tf.io.extract_jpeg_shape(data).numpy().tolist()
    return height, width


def _png(data: bytes) -> Size:
    """Height and width of a PNG."""
    width, height = struct.unpack_from(">II", data, 16)
    return height, width


def _gif(data: bytes) -> Size:
    """Height and width of a GIF."""
    width, height = struct.unpack_from("<HH", data, 6)
    return height, width


def _bmp(data: bytes) -> Size:
    """Height and width of a BMP; a negative height turns it upside down."""
    width, height = struct.unpack_from("<ii", data, 18)
    return height, width


def _webp(data: bytes) -> Size:
    """Height and width of a WebP, which has three forms."""
    kind = data[12:16]
    if kind == b"VP8X":  # 24 bits each, less one
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L":  # 14 bits each, less one, after a byte of its own
        (bits,) = struct.unpack_from("<I", data, 21)
        width = 1 + (bits & 0x3FFF)
        height = 1 + (bits >> 14 & 0x3FFF)
    else:  # 14 bits each, then two of scale
        sides = struct.unpack_from("<HH", data, 26)
        width = sides[0] & 0x3FFF
        height = sides[1] & 0x3FFF
    return height, width


def _tiff(data: bytes) -> Size:
    """Height and width of a TIFF; zeros where it is none."""
    try:
        with images.opened(data, most_pixels=2**62) as image:
            return image.height, image.width
    except images.BadImage:
        return 0, 0


_SIZES = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
