"""A person's mistake is one sentence and exit code 2; our own bug keeps its traceback."""

import errno

import pytest
import tensorflow as tf

from tfvse import errors
from tfvse.files import atomic_folder, atomic_write, write_json


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


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == '{\n  "a": 1\n}\n' and [p.name for p in tmp_path.iterdir()] == [
        "report.json"
    ]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    for text in ("old", "new"):
        with atomic_folder(tmp_path / "model") as temporary:
            (temporary / "file").write_text(text)
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model"):
        raise ZeroDivisionError
    assert (tmp_path / "model" / "file").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_fails_leaves_no_empty_parents(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "saved_models" / "name" / "1"):
        raise ZeroDivisionError
    assert not any(tmp_path.iterdir())


def test_json_without_numbers_that_are_none(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "report.json", {"a": float("nan")})
