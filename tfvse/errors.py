"""One way to tell a person what went wrong: one sentence, exit code 2, no traceback."""

import errno
import os
import sys


class UserError(Exception):
    """A mistake that the person at the keyboard can mend.

    The message is one sentence that says what was wrong, where, and what would be right.
    """


_DISK_REASONS = {
    errno.ENOSPC: "no space is left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the operation is not permitted",
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "it is a folder, a file is needed",
    errno.ENOTDIR: "a part of the path is not a folder",
}


def describe(error):
    """The one sentence for `error`, or None when it is a bug of ours that deserves its traceback."""
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if "UserError: " in str(
        error
    ):  # raised in Python that tf.data called: TensorFlow wraps it in an error of its own
        return str(error).split("UserError: ", 1)[1].splitlines()[0]
    if type(error).__name__ == "ResourceExhaustedError" and "No space left" in str(
        error
    ):  # TensorFlow's own writers
        error = OSError(errno.ENOSPC, "")
    if isinstance(error, OSError) and error.errno in _DISK_REASONS:
        where = f" at {error.filename}" if error.filename else ""
        reason = _DISK_REASONS[error.errno] + where
        return f"{reason}; choose another place or make room, then run the same command again"
    return None


def run(main):
    """Runs `main(argv)` of a tool and ends the process with its exit code: 2 for a person's mistake, 130 for Ctrl-C."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        code = 130
    except Exception as error:
        sentence = describe(error)
        if sentence is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        code = 2
    sys.exit(code or 0)
