"""Ctrl-C and SIGTERM: noted at once, obeyed where nothing is half done.

A handler that raises an exception may do so inside a callback of compiled code, where the exception is lost or turns
into an error of another kind: SciPy's Fortran, TensorFlow's runtime. So `deferred` parts only note the signal. What is
lost in a finaliser or in a callback of the garbage collector is raised again a moment later.
"""

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN = "nothing is half-written, the same command can be run again"
PAUSE = 0.1  # seconds until a lost interruption is raised again
NOTICE = b"\nstopping at the next safe point; Ctrl-C ends at once\n"


class Interrupted(KeyboardInterrupt):
    """A signal ends the work; the message says what state it is left in.

    Attributes:
      exit_code: 130 after Ctrl-C, 143 after SIGTERM, as shells have it.
    """

    def __init__(self, message: str = AGAIN) -> None:
        super().__init__(message)
        self.exit_code = 128 + (_watch.received or signal.SIGINT)


class _Watch:
    """The signal that has come, and how many blocks are open in which it raises nothing."""

    received = None
    depth = 0


_watch = _Watch()


def install() -> None:
    """Takes over both signals, which are only noted as yet; Ctrl-C after the first ends on the spot."""
    _watch.received = None
    _watch.depth = 1
    for number in SIGNALS:
        signal.signal(number, _note)
    sys.unraisablehook = _unraisable


@contextlib.contextmanager
def obeyed() -> Iterator[None]:
    """In this block the first signal raises `Interrupted`, except where it is `deferred`."""
    _watch.depth -= 1
    try:
        check()
        yield
    finally:
        _watch.depth += 1


def requested() -> bool:
    """Whether a signal has come."""
    return _watch.received is not None


def check(message: str = AGAIN) -> None:
    """A safe point: raises `Interrupted` with `message` when a signal has come."""
    if requested():
        raise Interrupted(message)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """In this block a signal raises nothing; it is obeyed at a `check` or after the outermost block."""
    _watch.depth += 1
    try:
        yield
    finally:
        _watch.depth -= 1

    if not _watch.depth:
        check()


def _note(number, _):
    # A supervisor may send SIGTERM twice for one request, a person presses Ctrl-C twice on purpose.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if requested():
        return
    _watch.received = number
    if not _watch.depth:
        raise Interrupted
    os.write(2, NOTICE)  # not print: the handler may have come in the middle of one


def _unraisable(lost):
    """Python calls this for an exception that cannot go anywhere."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    number = _watch.received
    _watch.received = None
    again = threading.Timer(PAUSE, _thread.interrupt_main, [number])
    again.daemon = True
    again.start()
