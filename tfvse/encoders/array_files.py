"""Reads NumPy's .npy and .npz files of strangers: checked before they are unpacked.

Nothing is ever unpickled.
"""

import contextlib
import io
import math
import os
import pathlib
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from tfvse.files import open_regular
from tfvse.typing import Array

MAX_BYTES = 2**30  # of the arrays that are read from one archive
_MAX_DIMENSIONS = 8
_MAX_HEADER = 1000  # characters
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    OverflowError,
    struct.error,
    NotImplementedError,  # a zip file of another version
    RuntimeError,  # an encrypted one
)


class BadArrays(ValueError):
    """A file of arrays that cannot be used; the message says why in a few words."""


def read_npz(
    path: pathlib.Path,
    names: Sequence[str],
    most: int = MAX_BYTES,
) -> dict[str, Array]:
    """Reads arrays of an archive.

    Args:
      path: the archive.
      names: of the arrays to read.
      most: bytes that they may take together.

    Returns:
      Name → read-only array of any shape, of numbers, truth values or texts.

    Raises:
      BadArrays: damaged, too large, without one of the arrays, or with another kind of array.
      OSError: the file cannot be read.
    """
    with _opened(path) as archive:
        return _read_members(archive, names, most)


def names(path: pathlib.Path) -> list[str]:
    """Lists what the arrays of an archive are called.

    Raises:
      BadArrays, OSError: as `read_npz`.
    """
    with _opened(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def parse_npy(data: bytes) -> Array:
    """Reads the array of a .npy file.

    Args:
      data: the bytes of the file; the array's bytes are the same memory.

    Returns:
      Read-only array of any shape.

    Raises:
      BadArrays: as `read_npz`.
    """
    header = _read_header(data, len(data))
    flat = np.frombuffer(data, header.dtype, offset=header.size)
    return flat.reshape(header.shape, order=header.order)


def map_npy(path: pathlib.Path) -> Array:
    """Maps the array of a .npy file; its bytes stay in the file until they are asked for.

    Returns:
      Read-only array of any shape.

    Raises:
      BadArrays, OSError: as `read_npz`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        header = _read_header(file.read(_MAX_HEADER + 16), size)
        return np.memmap(file, header.dtype, "r", header.size, header.shape, header.order)


def is_shape(value: Any) -> bool:
    """Tells whether `value` is a tuple of up to eight sizes from 1 on, the shape of an array."""
    return (
        isinstance(value, tuple)
        and len(value) <= _MAX_DIMENSIONS
        and all(type(size) is int and size >= 1 for size in value)
    )


class _Header(NamedTuple):
    """What a .npy file says of its array.

    Attributes:
      dtype: of numbers, truth values or texts.
      shape: of the array.
      order: "C" or "F".
      size: bytes of the header itself.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    size: int


def _read_header(
    data: bytes,
    total: int,
) -> _Header:
    """The header that begins `data`, of a file of `total` bytes, which its array must fill."""
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header that Python 2 wrote
            read = _HEADERS[np.lib.format.read_magic(file)]
            shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    except Exception:  # it is a Python literal, whose parser raises whatever the text leads it to
        raise BadArrays("an array has a damaged header") from None

    if dtype.kind not in "biufUS" or not dtype.itemsize:
        raise BadArrays(f"an array is of {dtype}, not of numbers or texts")
    if not is_shape(shape) or total - file.tell() != math.prod(shape) * dtype.itemsize:
        raise BadArrays("an array and its shape differ in size")
    return _Header(dtype, shape, "F" if fortran else "C", file.tell())


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
    """Yields a `zipfile.ZipFile`; whatever is damaged in it becomes a `BadArrays`."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except BadArrays:
        raise
    except _DAMAGE as error:
        raise BadArrays(f"damaged or no .npz ({type(error).__name__})") from None


def _read_members(
    archive: zipfile.ZipFile,
    names: Sequence[str],
    most: int,
) -> dict[str, Array]:
    """The arrays `names` of an opened archive, `most` bytes together."""
    found = {}
    left = most
    for name in names:
        try:
            member = archive.getinfo(f"{name}.npy")
        except KeyError:
            raise BadArrays(f"has no array {name}") from None

        left -= member.file_size
        if left < 0:
            raise BadArrays(f"an array takes more than {most:,} bytes")
        if member.compress_type not in _METHODS:
            raise BadArrays("is packed in a way that NumPy does not use")

        # Read to the declared size: what is packed may be larger.
        with archive.open(member) as file:
            found[name] = parse_npy(file.read(member.file_size))
    return found
