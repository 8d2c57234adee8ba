"""A person's file, read as what it should be or refused: regular, bounded, UTF-8, JSON."""

import errno
import hashlib
import io
import json
from typing import Any, TextIO

from tfvse.errors import UserError
from tfvse.files import open_regular, read_regular
from tfvse.typing import PathLike

TEXT_BYTES = 512 * 2**20  # of a list, table or JSON file, at most
MISSING = "missing"


class BadFile(UserError):
    """A person's file that cannot be used.

    Attributes:
      reason: a few words without the file's name, such as `MISSING`.
    """

    def __init__(
        self,
        path: PathLike,
        reason: str,
    ) -> None:
        """Takes the file and the reason."""
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def read_bytes(
    path: PathLike,
    most: int,
) -> bytes:
    """The content of a regular file.

    Args:
      path: the file.
      most: bytes that it may have.

    Raises:
      BadFile: missing, larger than `most`, no permission, or a folder, pipe, socket or device.
    """
    try:
        return read_regular(path, most)
    except ValueError:  # a null byte in the name
        raise BadFile(path, MISSING) from None
    except OSError as error:
        raise BadFile(path, _reason(error, most)) from None


def _reason(
    error: OSError,
    most: int,
) -> str:
    """Why a file cannot be read, in a few words."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return MISSING
    if error.errno == errno.EFBIG:
        return f"too large: at most {most / 2**20:,.0f} MB are read"
    if error.errno == errno.ENXIO:
        return "unreadable: not a regular file"
    return f"unreadable: {error.strerror}"


def digest(path: PathLike) -> str:
    """SHA-256 of a regular file of any size, in hexadecimal.

    Raises:
      OSError: as `files.open_regular`.
    """
    found = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(2**20):
            found.update(chunk)
    return found.hexdigest()


def open_text(path: PathLike) -> TextIO:
    """Opens a large text in UTF-8 to be read line by line; bytes that are no UTF-8 are replaced.

    Raises:
      BadFile: it cannot be opened, or is no regular file.
    """
    try:
        file = open_regular(path)
    except OSError as error:
        raise BadFile(path, _reason(error, 0)) from None
    return io.TextIOWrapper(
        file,
        encoding="utf-8",
        errors="replace",
        newline="\n",
    )


def read_text(
    path: PathLike,
    most: int = TEXT_BYTES,
    errors: str = "strict",
) -> str:
    """The text of a regular file in UTF-8, without its byte order mark; line ends stay.

    Args:
      path: the file.
      most: bytes that it may have.
      errors: what to do with a byte that is no UTF-8, as in `bytes.decode`.

    Raises:
      BadFile: as `read_bytes`, not UTF-8, or a null byte, which no text has.
    """
    data = read_bytes(path, most)
    try:
        text = data.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadFile(path, f"not a text in UTF-8, see line {line}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadFile(path, f"not a text: line {line} holds a null byte")
    return text


def read_lines(
    path: PathLike,
    most: int = TEXT_BYTES,
    errors: str = "strict",
) -> list[str]:
    r"""The lines of a text, see `read_text`. Only "\n" and "\r\n" end one, no other separator."""
    lines = read_text(path, most, errors).split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def parse_json(text: str) -> Any:
    """The value that `text` says.

    Raises:
      ValueError: not JSON, nested too deeply, or an object that says a name twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; ValueError where it says a name twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found


def read_json(
    path: PathLike,
    most: int = TEXT_BYTES,
) -> Any:
    """The value in a JSON file.

    Raises:
      BadFile: as `read_text` and `parse_json`.
    """
    try:
        return parse_json(read_text(path, most))
    except ValueError as error:
        raise BadFile(path, f"not JSON ({error})") from None
