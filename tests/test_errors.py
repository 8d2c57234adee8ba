"""A person's mistake is one sentence and exit code 2; our own bug keeps its traceback."""

import errno
import os
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

from tfvse import errors, interruption

pytestmark = pytest.mark.usefixtures("own_signals")


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    "error, sentence",
    [
        (errors.UserError("--k=0: must be\nat least 1"), "error: --k=0: must be at least 1"),
        (
            OSError(errno.ENOSPC, "full", "/runs/a"),
            "error: no space is left on the device at /runs/a; ",
        ),
        (OSError(errno.EROFS, "ro", "/runs/a"), "error: the file system is read-only at /runs/a; "),
        (
            PermissionError(errno.EACCES, "no", "a.jpg"),
            "error: permission is denied at a.jpg; change its permissions",
        ),
        (OSError(errno.ENAMETOOLONG, "", "n"), "error: a name in the path is too long at n; "),
        (OSError(errno.EMFILE, ""), "error: too many files are open; raise the limit"),
        (FileExistsError(errno.EEXIST, "", "f"), "error: something else has that name already"),
        (MemoryError(), "error: there is not enough memory; "),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            "error: there is not",
        ),
        (
            UnicodeEncodeError("utf-8", "a\udce9", 1, 2, "surrogates not allowed"),
            "error: 'a\\udce9'",
        ),
        (errors.UserError("--k=\x1b[2J\u202e: no"), "error: --k=\\x1b[2J\\u202e: no"),
        (
            tf.errors.PermissionDeniedError(None, None, "/a; Permission denied"),
            "error: permission is denied",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"),
            "error: no space is left on the",
        ),
        (
            tf.errors.UnknownError(None, None, "UserError: shard 3 is damaged\nTraceback …"),
            "error: shard 3 is damaged\n",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(error, sentence, capsys):
    with pytest.raises(SystemExit) as exit:
        errors.run(raising(error))
    err = capsys.readouterr().err
    assert exit.value.code == 2 and err.startswith(sentence) and err.count("\n") == 1


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        errors.run(raising(ZeroDivisionError()))


def test_the_exit_code_of_a_tool_is_kept():
    with pytest.raises(SystemExit) as exit:
        errors.run(lambda argv: None)
    assert exit.value.code == 0


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_told_and_has_its_exit_code(number, code, capsys):
    def lost_in_compiled_code(argv):
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise SystemError from None

    with pytest.raises(SystemExit) as exit:
        errors.run(lost_in_compiled_code)
    assert exit.value.code == code
    assert capsys.readouterr().err == f"interrupted: {interruption.AGAIN}\n"


def test_output_that_nobody_reads_is_told_in_one_sentence():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from tfvse import errors; errors.run(lambda argv: print('lost'))"
    ended = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"error: the program that reads this output has ended")
    assert ended.stderr.count(b"\n") == 1
