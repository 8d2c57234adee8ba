"""What a request may cost, and how one that costs more, or is wrong, is refused."""

import dataclasses

LIGHT_BYTES = 2**20
LIGHT_PIXELS = 4_000_000
_NETWORK_PIXELS = 224 * 224  # an image costs at least as much as what a network makes of it


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one server accepts.

    Attributes:
      request_bytes: of one request; the bytes of its images together are within it.
      batch: length of an input's first axis.
      pixels: that the images of one request declare in their headers, together.
      json_values: of one request's body: objects, lists, and their members.
      answer_values: numbers and strings of one answer.
      timeout: seconds for a request's head, for its body, and for a free place.
      at_once: light requests that run at the same time; one heavy request runs beside them.
      waiting: heavy requests that run or wait; more are refused at once.
    """

    request_bytes: int = 32 * 2**20
    batch: int = 128
    pixels: int = 256_000_000
    json_values: int = 500_000
    answer_values: int = 4_000_000
    timeout: float = 30.0
    at_once: int = 4
    waiting: int = 16


DEFAULT_LIMITS = Limits()


class RequestError(Exception):
    """A request that is not answered.

    Attributes:
      code: name of a gRPC status code. The message is one sentence.
    """

    def __init__(
        self,
        code: str,
        message: str,
    ) -> None:
        """Takes the code and a sentence."""
        super().__init__(message)
        self.code = code


def invalid(message: str) -> RequestError:
    """The `RequestError` of a request that is wrong in itself."""
    return RequestError("INVALID_ARGUMENT", message)


def is_heavy(
    size: int,
    pixels: int = 0,
    rows: int = 0,
) -> bool:
    """Tells whether a request waits behind other heavy ones, so that light ones need not.

    Args:
      size: bytes of the request.
      pixels: that its images declare.
      rows: images of the request.
    """
    work = max(pixels, rows * _NETWORK_PIXELS)
    return size > LIGHT_BYTES or work > LIGHT_PIXELS
