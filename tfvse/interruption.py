"""Ctrl-C and SIGTERM: noted at once, obeyed where nothing is half done.

A handler that raises may do so inside a callback of compiled code, such as SciPy's Fortran or
TensorFlow's runtime. There the exception is lost, or it becomes an error of another kind. So
`deferred` parts only note the signal. An exception that a finaliser or the garbage collector loses
is raised again a moment later.
"""

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN = "nothing is half-written, the same command can be run again"
PAUSE = 0.1  # seconds until a lost interruption is raised again
NOTICE = b"\nstopping at the next safe point; Ctrl-C ends at once\n"


class Interrupted(KeyboardInterrupt):
    """A signal ends the work; the message says in what state it is left.

    Attributes:
      exit_code: 130 after Ctrl-C, 143 after SIGTERM, as shells have it.
    """

    def __init__(self, message: str = AGAIN) -> None:
        super().__init__(message)
        self.exit_code = 128 + (_watch.received or signal.SIGINT)


class _Watch:
    """What is known of signals.

    Attributes:
      received: number of the first signal that has come; None: none yet.
      depth: number of open blocks in which a signal raises nothing.
    """

    received: int | None = None
    depth = 0


_watch = _Watch()


def install() -> None:
    """Takes over both signals: they are only noted, until `obeyed`.

    After the first one, Ctrl-C ends the process on the spot.
    """
    _watch.received = None
    _watch.depth = 1
    for number in SIGNALS:
        signal.signal(number, _note)
    sys.unraisablehook = _unraisable


@contextlib.contextmanager
def obeyed() -> Iterator[None]:
    """Lets the first signal raise `Interrupted` in this block, inside one that is `deferred`."""
    if not _in_main_thread():
        yield
        return
    _watch.depth -= 1
    try:
        _check_if_obeyed()
        yield
    finally:
        _watch.depth += 1


def requested() -> bool:
    """Whether a signal has come."""
    return _watch.received is not None


def check(message: str = AGAIN) -> None:
    """Raises `Interrupted` with `message` if a signal has come; to be called at safe points."""
    if requested():
        raise Interrupted(message)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """In this block a signal raises nothing.

    It is obeyed at a `check`, in a block `obeyed` inside, or after the outermost of such blocks.
    """
    if not _in_main_thread():
        yield
        return
    _watch.depth += 1
    try:
        yield
    finally:
        _watch.depth -= 1

    _check_if_obeyed()


def _in_main_thread() -> bool:
    """Whether this is the only thread in which Python runs handlers of signals."""
    return threading.current_thread() is threading.main_thread()


def _check_if_obeyed() -> None:
    """Raises `Interrupted` if a signal has come and no block defers it."""
    if not _watch.depth:
        check()


def _note(number: int, _: FrameType | None) -> None:
    """The handler of both signals."""
    # Supervisors may send SIGTERM twice for one request; people press Ctrl-C twice on purpose.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if requested():
        return
    _watch.received = number
    if not _watch.depth:
        raise Interrupted
    os.write(2, NOTICE)  # not print: the handler may have come in the middle of one


def _unraisable(lost: "UnraisableHookArgs") -> None:
    """Raises a lost `Interrupted` again; Python calls this for exceptions that it must drop."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    number = _watch.received
    _watch.received = None
    again = threading.Timer(PAUSE, _thread.interrupt_main, [number])
    again.daemon = True
    again.start()
