"""What a server answers, taken apart with distrust: whatever is odd is a `ServingError`."""

import contextlib
import math
import time
from collections.abc import Iterator

from tfvse.errors import UserError

ANSWER_BYTES = 64 * 2**20
_SENTENCE = 500  # characters of a server's own words that are shown
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class ServingError(UserError):
    """A request that the server did not answer.

    Attributes:
      code: name of a gRPC status code.
    """

    def __init__(
        self,
        code: str,
        message: str,
    ) -> None:
        """Takes the code and a sentence for a person."""
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def taken_apart(where: str) -> Iterator[None]:
    """Turns what goes wrong while an answer of `where` is taken apart into a `ServingError`."""
    try:
        yield
    except _BROKEN as error:
        kind = type(error).__name__
        detail = plain(f"{kind}: {error}" if str(error) else kind)
        raise ServingError(
            "INTERNAL", f"{where}: an answer that makes no sense ({detail})"
        ) from None


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """Turns what goes wrong while a request is prepared into a `ServingError`."""
    try:
        yield
    except _BROKEN as error:
        raise ServingError("INVALID_ARGUMENT", f"the inputs cannot be sent: {error}") from None


def plain(text: object) -> str:
    """A server's words as one line that a terminal can show."""
    shown = "".join(c if c.isprintable() else " " for c in str(text)[:_SENTENCE])
    return " ".join(shown.split())


class Deadline:
    """A point in time that a whole call must not pass."""

    def __init__(self, seconds: float) -> None:
        """Raises ServingError unless `seconds` is above 0."""
        if not (math.isfinite(seconds) and seconds > 0):
            raise ServingError("INVALID_ARGUMENT", f"timeout={seconds}: must be above 0")
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())
