"""MATLAB's .mat files: bounded before they are unpacked, numbers and cells only."""

import io
import pathlib
import zlib
from typing import Any, Literal

import scipy.io

from tfvse import reading
from tfvse.data.formats.mat_structure import BadMat, Checker

MAX_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 512 * 2**20
_HEADER = 128  # bytes
_COMPRESSED = 15  # type of a compressed element
_VERSION = 0x0100  # of the format
_HDF5 = 0x0200  # version of the format of MATLAB 7.3

Order = Literal["little", "big"]
_ORDERS: dict[bytes, Order] = {b"IM": "little", b"MI": "big"}


def read(path: pathlib.Path) -> dict[str, Any]:
    """The variables of a .mat file of MATLAB 5 to 7.

    Args:
      path: of the file.

    Returns:
      Name → NumPy array as `scipy.io.loadmat` makes it: at least two-dimensional, cells and structs
      as objects.

    Raises:
      BadMat: missing, too large, of MATLAB 7.3 (HDF5), damaged, no .mat file at all, or it holds
        something else than real numbers, text, cells and structs.
    """
    try:
        data = reading.read_bytes(path, MAX_BYTES)
    except reading.BadFile as error:
        raise BadMat(error.reason) from None

    checked = _checked(data)
    try:
        found = scipy.io.loadmat(checked)
    except Exception as error:  # of a damaged file, the reader raises whatever its bytes lead it to
        raise BadMat(f"unreadable: damaged or cut off ({type(error).__name__})") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _checked(data: bytes) -> io.BytesIO:
    """The same file with its compressed elements unpacked; never more than the bound.

    Every element is checked before the next one is unpacked.
    """
    order = _byte_order(data)
    checker = Checker("<" if order == "little" else ">")
    unpacked = io.BytesIO()
    unpacked.write(data[:_HEADER])
    start = _HEADER

    while start < len(data):
        size = 8 + int.from_bytes(data[start + 4 : start + 8], order)
        if start + size > len(data):
            raise BadMat("unreadable: cut off")

        left = MAX_UNPACKED_BYTES + _HEADER - unpacked.tell()
        element = _unpacked(data[start : start + size], order, left)
        checker.check(element)
        unpacked.write(element)
        start += size

    unpacked.seek(0)
    return unpacked


def _byte_order(data: bytes) -> Order:
    """The byte order that a header states, which must be of MATLAB 5 to 7."""
    if data[:6] != b"MATLAB":
        raise BadMat("unreadable: not a .mat file of MATLAB 5 to 7")

    order = _ORDERS.get(data[126:_HEADER])
    version = int.from_bytes(data[124:126], order or "little")
    if b"MATLAB 7.3" in data[:_HEADER] or version == _HDF5:
        raise BadMat("of MATLAB 7.3: save it with -v7")
    if order is None or version != _VERSION:
        raise BadMat("unreadable: its header is damaged")
    return order


def _unpacked(
    element: bytes,
    order: Order,
    left: int,
) -> bytes:
    """An element as it is without compression, of at most `left` bytes."""
    if int.from_bytes(element[:4], order) == _COMPRESSED:
        try:
            element = zlib.decompressobj().decompress(element[8:], left + 1)
        except zlib.error:
            raise BadMat("unreadable: damaged or cut off") from None
    if len(element) > left:
        raise BadMat(f"too large: more than {MAX_UNPACKED_BYTES // 2**20} MB unpacked")
    return element
