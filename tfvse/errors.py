"""One way to tell a person what went wrong: one sentence, exit code 2, no traceback."""

import difflib
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable

from tfvse import interruption, quiet


class UserError(Exception):
    """A mistake that the person at the keyboard can mend.

    The message is one sentence that says what was wrong, where, and what would be right.
    """


def nearest(
    word: object,
    words: Iterable[object],
) -> str:
    """'; did you mean X?' for the closest of `words`, or '' when none is close."""
    match = difflib.get_close_matches(
        str(word),
        [str(w) for w in words],
        n=1,
        cutoff=0.5,
    )
    return f"; did you mean {match[0]}?" if match else ""


_ROOM = "make room or choose another place"
_ACCESS = "change its permissions or choose another place"
_PATH = "check the path"
_LIMIT = "raise the limit, for example with ulimit -n 65536"
_OS_REASONS = {  # errno → what is wrong, what helps
    errno.ENOSPC: ("no space is left on the device", _ROOM),
    errno.EDQUOT: ("the disk quota is used up", _ROOM),
    errno.EROFS: ("the file system is read-only", "choose another place"),
    errno.EACCES: ("permission is denied", _ACCESS),
    errno.EPERM: ("the operation is not permitted", _ACCESS),
    errno.ENOENT: ("there is no such file or folder", _PATH),
    errno.EISDIR: ("it is a folder, a file is needed", _PATH),
    errno.ENOTDIR: ("a part of the path is not a folder", _PATH),
    errno.EEXIST: ("something else has that name already", "choose another name"),
    errno.ENAMETOOLONG: ("a name in the path is too long", "choose a name of at most 255 bytes"),
    errno.ELOOP: ("symbolic links lead back to each other", _PATH),
    errno.ENXIO: ("it is not a regular file", _PATH),
    errno.EBUSY: ("it is in use, or a mount point", "choose another place"),
    errno.EFBIG: ("the file is larger than such a file may be", _PATH),
    errno.EMFILE: ("too many files are open", _LIMIT),
    errno.ENFILE: ("too many files are open on this machine", _LIMIT),
    errno.EIO: ("the device fails to read or write", "look after the device or choose another"),
    errno.EPIPE: ("the program that reads this output has ended", "let it read to the end"),
}
_MEMORY = "there is not enough memory; lower --batch_size or the sizes that were asked for"
_CONTROL = ("Cc", "Cs", "Zl", "Zp")  # categories of Unicode: control, half of a pair, line breaks
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # of direction


def is_control(character: str) -> bool:
    """Whether a character breaks a line, commands a terminal, turns the direction or is no text."""
    control = unicodedata.category(character) in _CONTROL
    return control or unicodedata.bidirectional(character) in _TURNING


def escaped(text: str) -> str:
    """`text` as a terminal may show it: every control character is written as its escape."""
    return "".join(c.encode("unicode_escape").decode() if is_control(c) else c for c in text)


def describe(error: BaseException) -> str | None:
    """The one sentence for `error`, or None for a bug of ours that deserves its traceback."""
    message = str(error)
    if isinstance(error, UserError):
        return " ".join(message.split())
    if "UserError: " in message:  # raised in Python that tf.data called: TensorFlow wraps it
        return message.split("UserError: ", 1)[1].splitlines()[0]
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return f"{error.object!r}: a name that is not UTF-8 text; rename it"
    if isinstance(error, MemoryError) or "OOM when allocating" in message:
        return _MEMORY
    return _of_system(error, message)


def _of_system(
    error: BaseException,
    message: str,
) -> str | None:
    """The sentence for what the operating system refused, or None."""
    number = error.errno if isinstance(error, OSError) else _errno_of_tensorflow(error, message)
    if number not in _OS_REASONS:
        return None
    reason, advice = _OS_REASONS[number]
    filename = getattr(error, "filename", None)
    where = f" at {os.fsdecode(filename)}" if isinstance(filename, str | bytes) else ""
    return f"{reason}{where}; {advice}, then run the same command again"


def _errno_of_tensorflow(
    error: BaseException,
    message: str,
) -> int | None:
    """TensorFlow's own readers and writers put the system's words at the end of their message."""
    if not type(error).__module__.startswith("tensorflow"):
        return None
    words = message.splitlines()[0] if message else ""
    return next((n for n in _OS_REASONS if f"; {os.strerror(n)}" in words), None)


def run(main: Callable[[list[str]], int | None]) -> None:
    """Runs `main(argv)` of a tool, quietly without --verbose, and ends the process with its code.

    Raises:
      SystemExit: 2 after a person's mistake, 130 after Ctrl-C, 143 after SIGTERM.
    """
    interruption.install()
    argv = quiet.obey(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with interruption.obeyed():
            code = main(argv)
            sys.stdout.flush()
    except KeyboardInterrupt as error:
        code = _tell_interruption(error)
    except Exception as error:
        code = _tell(error)
    sys.exit(code or 0)


def _tell(error: Exception) -> int:
    """Prints the sentence for `error`; returns the exit code. A bug of ours is raised again."""
    sentence = describe(error)
    if sentence is None and interruption.requested():  # what compiled code made of the interruption
        return _tell_interruption(error)
    if sentence is None:
        raise error
    if isinstance(error, OSError):
        _drop_output()
    print(f"error: {escaped(sentence)}", file=sys.stderr)
    return 2


def _tell_interruption(error: BaseException) -> int:
    """Prints that the work was interrupted; returns the exit code."""
    ours = error if isinstance(error, interruption.Interrupted) else interruption.Interrupted()
    print(f"interrupted: {ours}", file=sys.stderr)
    return ours.exit_code


def _drop_output() -> None:
    """Drops what cannot be printed any more, so that Python does not try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
