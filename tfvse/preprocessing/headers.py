"""What the header of a JPEG or PNG says of orientation and transparency, in stock TensorFlow ops.

Whatever the bytes are, reading them ends and raises nothing. A header that makes no sense says
nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

UPRIGHT = 1
_ORIENTATION = 0x0112  # number of the EXIF field
_SHORT = 3  # its type, two bytes
_FIELD = 12  # bytes of a field: number (2), type (2), count (4), value (4)
_STEPS = 1024  # segments or chunks that are looked at before the pixels begin
_JPEG_START = 2
_PNG_START = 33  # behind the signature and IHDR
_EXIF = b"Exif\0\0"


class _Walk(NamedTuple):
    """Where the walk through a file's segments stands, and what it has met."""

    at: tf.Tensor  # int64, first byte of the next segment
    going: tf.Tensor  # bool
    exif: tf.Tensor  # int64, first byte of the EXIF data; 0: none met
    length: tf.Tensor  # int64, bytes of the EXIF data
    transparent: tf.Tensor  # bool, whether a PNG names a transparent colour


def jpeg_orientation(image: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF orientation of a JPEG.

    Args:
      image: string scalar, the bytes of the file.

    Returns:
      int64 scalar, 1 (upright) to 8.
    """
    found = _walk(image, _JPEG_START, _jpeg_segment)
    return _orientation(image, found)


def png_orientation(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the EXIF orientation of a PNG, and whether it names a transparent colour.

    Both stand before the pixels.

    Args:
      image: string scalar, the bytes of the file.

    Returns:
      (int64 scalar, 1 (upright) to 8; bool scalar).
    """
    found = _walk(image, _PNG_START, _png_chunk)
    return _orientation(image, found), found.transparent


def _walk(
    image: tf.Tensor,
    start: int,
    step: Callable[[tf.Tensor, _Walk], _Walk],
) -> _Walk:
    """Goes through the segments of a file from the byte `start` on."""
    zero = tf.constant(0, tf.int64)
    first = _Walk(tf.constant(start, tf.int64), tf.constant(True), zero, zero, tf.constant(False))
    (found,) = tf.while_loop(
        lambda walk: walk.going,
        lambda walk: (step(image, walk),),
        (first,),
        maximum_iterations=_STEPS,
    )
    return found


def _jpeg_segment(
    image: tf.Tensor,
    walk: _Walk,
) -> _Walk:
    """One step through a JPEG.

    A segment is 0xFF, its marker and a length that counts itself. Further 0xFF may come before.
    """
    head = _bytes(image, walk.at, 4)
    marker = head[1]
    length = _big_endian(head[2:])

    is_exif = (marker == 0xE1) & (_part(image, walk.at + 4, len(_EXIF)) == _EXIF)
    is_fill = marker == 0xFF
    pixels_begin = (marker == 0xDA) | (marker == 0xD9)
    is_segment = (head[0] == 0xFF) & (is_fill | (length >= 2))

    return _Walk(
        at=walk.at + tf.where(is_fill, tf.constant(1, tf.int64), 2 + length),
        going=is_segment & ~pixels_begin & ~is_exif,
        exif=tf.where(is_exif, walk.at + 4 + len(_EXIF), walk.exif),
        length=tf.where(is_exif, length - 2 - len(_EXIF), walk.length),
        transparent=walk.transparent,
    )


def _png_chunk(
    image: tf.Tensor,
    walk: _Walk,
) -> _Walk:
    """One step: a chunk is the length of its data, its type, the data and a checksum."""
    length = _big_endian(_bytes(image, walk.at, 4))
    kind = _part(image, walk.at + 4, 4)
    is_exif = kind == b"eXIf"

    return _Walk(
        at=walk.at + 12 + length,
        going=(kind != b"IDAT") & (kind != b"IEND") & (kind != b""),
        exif=tf.where(is_exif, walk.at + 8, walk.exif),
        length=tf.where(is_exif, length, walk.length),
        transparent=walk.transparent | (kind == b"tRNS"),
    )


def _orientation(
    image: tf.Tensor,
    found: _Walk,
) -> tf.Tensor:
    """The EXIF orientation that a walk has met, int64 scalar."""
    upright = tf.constant(UPRIGHT, tf.int64)
    return tf.cond(
        found.exif > 0, lambda: _exif_orientation(image, found.exif, found.length), lambda: upright
    )


def _exif_orientation(
    image: tf.Tensor,
    start: tf.Tensor,
    length: tf.Tensor,
) -> tf.Tensor:
    """The orientation in EXIF data, int64 scalar, 1 where there is none.

    The data are a byte order, the place of the list of fields, its length, and the fields.

    Args:
      image: string scalar, the bytes of the file.
      start: int64 scalar, where the data begin.
      length: int64 scalar, their bytes.
    """
    order = _part(image, start, 4)
    is_little = order == b"II*\0"
    is_tiff = is_little | (order == b"MM\0*")

    def number(digits: tf.Tensor) -> tf.Tensor:
        """The numbers of bytes [..., n] in the byte order of the data."""
        return _big_endian(tf.where(is_little, tf.reverse(digits, [-1]), digits))

    place = number(_bytes(image, start + 4, 4))
    claimed = number(_bytes(image, start + place, 2))
    held = (length - place - 2) // _FIELD
    count = tf.where(is_tiff, tf.clip_by_value(claimed, 0, tf.maximum(held, 0)), 0)

    fields = tf.reshape(_bytes(image, start + place + 2, _FIELD * count), [-1, _FIELD])
    is_wanted = (number(fields[:, :2]) == _ORIENTATION) & (number(fields[:, 2:4]) == _SHORT)
    values = tf.boolean_mask(number(fields[:, 8:10]), is_wanted)
    first = tf.concat([values, [UPRIGHT]], 0)[0]
    return tf.where((first >= 1) & (first <= 8), first, UPRIGHT)


def _part(
    image: tf.Tensor,
    at: tf.Tensor,
    count: int,
) -> tf.Tensor:
    """`count` bytes of string scalar `image` from `at` on, string scalar; fewer where it ends."""
    end = tf.cast(tf.strings.length(image), tf.int64)
    return tf.strings.substr(image, tf.minimum(at, end), tf.cast(count, tf.int64))


def _bytes(
    image: tf.Tensor,
    at: tf.Tensor,
    count: tf.Tensor | int,
) -> tf.Tensor:
    """`count` bytes of string scalar `image` from `at` on, int64 [count]; zeros behind its end."""
    # The op pads with zeros, to one byte at least.
    padded = tf.io.decode_raw(
        _part(image, at, count), tf.uint8, fixed_length=tf.cast(count + 1, tf.int32)
    )
    return tf.cast(padded[:count], tf.int64)


def _big_endian(digits: tf.Tensor) -> tf.Tensor:
    """The numbers that the last axis spells in base 256: int64 [..., n] → int64 […]."""
    weights = 256 ** tf.range(tf.shape(digits, tf.int64)[-1] - 1, -1, -1)
    return tf.reduce_sum(digits * weights, -1)
