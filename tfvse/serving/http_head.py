"""The head of an HTTP/1.1 request, read strictly.

What two programs on the way could understand differently (two lengths, a length beside
Transfer-Encoding, folded lines, bare line feeds) is refused: one of them would take a part of one
request for the next one.
"""

import asyncio
import dataclasses
import re
from collections.abc import Iterable, Mapping

from tfvse.serving.limits import RequestError

LINE_BYTES = 8192
_LINES = 64
_CODES = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([^\x00-\x08\x0a-\x1f\x7f]*)")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/]+)(?::[0-9]*)?")


class HttpError(RequestError):
    """A request that HTTP has a status of its own for."""

    def __init__(
        self,
        status: int,
        message: str,
    ) -> None:
        """Takes an HTTP status and a sentence."""
        super().__init__("INVALID_ARGUMENT", message)
        self.status = status


def status_of(error: RequestError) -> int:
    """The HTTP status that says what a `RequestError` says."""
    return error.status if isinstance(error, HttpError) else _CODES[error.code]


@dataclasses.dataclass(frozen=True)
class Head:
    """A request without its body.

    Attributes:
      method, target: as in its first line.
      host: that the client means to talk to, in lower case and without a port; None when it does
        not say.
      length: bytes of the body, or None when it does not say.
      keeps_open: whether more requests may follow on the connection.
      expects_continue: whether the client waits to be asked for the body.
    """

    method: str
    target: str
    host: str | None
    length: int | None
    keeps_open: bool
    expects_continue: bool


async def read(reader: asyncio.StreamReader) -> Head | None:
    """Reads a head from an `asyncio.StreamReader`, or None when the client has closed.

    Raises:
      HttpError: it is too long, or no HTTP/1.1 that is read here.
    """
    lines: list[bytes] = []
    while True:
        line = await _line(reader)
        if not line:
            return None
        if line == b"\r\n":
            return parse(lines)
        if not line.endswith(b"\r\n"):
            raise HttpError(400, "a line of the head does not end in CR LF")
        if len(lines) == _LINES:
            raise HttpError(431, f"the head has more than {_LINES} lines")
        lines.append(line[:-2])


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line with its end; b"" where the client has closed."""
    try:
        return await reader.readline()
    except ValueError:  # longer than the reader's limit
        raise HttpError(431, f"a line of the head is longer than {LINE_BYTES} bytes") from None


def parse(lines: list[bytes]) -> Head:
    """Parses the lines of a head, which come without their ends.

    Raises:
      HttpError: see `read`.
    """
    request = _REQUEST.fullmatch(lines[0]) if lines else None
    if not request:
        raise HttpError(400, "the first line is not <method> <address> HTTP/1.1")

    fields = _fields(lines[1:])
    is_old = request[3] == b"0"
    expects_continue = _expectation(fields)
    return Head(
        method=request[1].decode(),
        target=request[2].decode(),
        host=_host(fields, is_old),
        length=_length(fields),
        keeps_open=not is_old and "close" not in _connection(fields),
        expects_continue=expects_continue,
    )


def _fields(lines: Iterable[bytes]) -> dict[str, list[str]]:
    """Lower-case name → list of its values."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if not field:
            raise HttpError(400, "a line of the head is not <name>: <value>")
        name = field[1].decode().lower()
        value = field[2].decode("latin-1").strip(" \t")
        fields.setdefault(name, []).append(value)
    return fields


def _host(
    fields: Mapping[str, list[str]],
    is_old: bool,
) -> str | None:
    """The host of a request; HTTP/1.0 need not name one."""
    values = fields.get("host", [])
    if not values and is_old:
        return None
    host = _HOST.fullmatch(values[0].lower()) if len(values) == 1 else None
    if not host:
        raise HttpError(400, "a request needs one Host")
    return host[1]


def _length(fields: Mapping[str, list[str]]) -> int | None:
    """The declared bytes of the body; None where none are declared."""
    if "transfer-encoding" in fields:
        raise HttpError(400, "Transfer-Encoding is not read here; give a Content-Length instead")
    values = fields.get("content-length", [])
    if not values:
        return None
    if len(values) > 1 or not re.fullmatch(r"[0-9]{1,18}", values[0]):
        raise HttpError(400, "Content-Length must be one whole number")
    return int(values[0])


def _expectation(fields: Mapping[str, list[str]]) -> bool:
    """Whether the client waits to be asked for the body."""
    values = [value.lower() for value in fields.get("expect", [])]
    if values not in ([], ["100-continue"]):
        raise HttpError(417, "Expect may be 100-continue only")
    return bool(values)


def _connection(fields: Mapping[str, list[str]]) -> set[str]:
    """The words of the field Connection, in lower case."""
    words = ",".join(fields.get("connection", [])).lower().split(",")
    return {word.strip() for word in words}
