"""MATLAB's .mat files at the edge: bounded before they are unpacked, told plainly when bad; numbers and cells only."""

import io
import zlib

import scipy.io

MAX_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 512 * 2**20
_HEADER, _COMPRESSED = 128, 15  # bytes of the header; type of a compressed element


class BadMat(ValueError):
    """A .mat file that cannot be used; the message says why in a few words."""


def read(path):
    """{variable: array} of a .mat file of MATLAB 5 to 7.

    Args:
      path: pathlib.Path.

    Returns:
      dict of NumPy arrays as `scipy.io.loadmat` makes them: at least two-dimensional, cells and structs as objects.

    Raises:
      BadMat: missing, too large, of MATLAB 7.3 (HDF5), damaged, or no .mat file at all.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadMat(f"too large: at most {MAX_BYTES // 2**20} MB are read")
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadMat("missing") from None
    except OSError as error:
        raise BadMat(f"unreadable: {error.strerror}") from None
    if b"MATLAB 7.3" in data[:_HEADER]:
        raise BadMat("of MATLAB 7.3: save it with -v7")
    if data[:6] != b"MATLAB":
        raise BadMat("unreadable: not a .mat file of MATLAB 5 to 7")
    try:
        found = scipy.io.loadmat(io.BytesIO(_unpacked(data)))
    except BadMat:
        raise
    except Exception as error:  # of a damaged file, the reader raises whatever its bytes lead it to
        raise BadMat(f"unreadable: damaged or cut off ({type(error).__name__})") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _unpacked(data):
    """The same file with its compressed elements laid open, so that no more than the bound is ever unpacked."""
    order = "big" if data[126:_HEADER] == b"MI" else "little"
    parts, start, left = [data[:_HEADER]], _HEADER, MAX_UNPACKED_BYTES
    while start < len(data):
        kind, size = (int.from_bytes(data[at : at + 4], order) for at in (start, start + 4))
        element = data[start : start + 8 + size]
        if len(element) < 8 + size:
            raise BadMat("unreadable: cut off")
        if kind == _COMPRESSED:
            element = zlib.decompressobj().decompress(element[8:], left + 1)
        left -= len(element)
        if left < 0:
            raise BadMat(f"too large: more than {MAX_UNPACKED_BYTES // 2**20} MB unpacked")
        parts.append(element)
        start += 8 + size
    return b"".join(parts)
