"""Files and folders are whole or not there, and what a kill leaves is swept."""

import errno
import os

import pytest

from tfvse.files import (
    atomic_folder,
    atomic_write,
    read_regular,
    sweep,
    sweep_folder,
    write_json,
)


def always(path):
    """Lets `atomic_folder` replace any folder."""


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
        with atomic_folder(tmp_path / "model", always) as temporary:
            (temporary / "file").write_text(text)
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model", always):
        raise ZeroDivisionError
    assert (tmp_path / "model" / "file").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_fails_leaves_no_empty_parents(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "saved_models" / "name" / "1"):
        raise ZeroDivisionError
    assert not any(tmp_path.iterdir())


def test_json_without_numbers_that_are_none(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "report.json", {"a": float("nan")})


def test_only_a_regular_file_of_bounded_size_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    for path, limit, number in (
        (tmp_path / "file", 4, errno.EFBIG),
        (tmp_path / "pipe", 5, errno.ENXIO),
        ("/dev/zero", 5, errno.ENXIO),
    ):
        with pytest.raises(OSError) as caught:
            read_regular(path, limit)
        assert caught.value.errno == number


def _kill_between_the_renames(path, monkeypatch):
    """Replaces the folder `path` as a process does that is killed when the old folder is away."""

    def killed(source, target):
        rename(source, target)
        raise KeyboardInterrupt

    rename = os.replace
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        with atomic_folder(path, always) as temporary:
            (temporary / "file").write_text("new")


def test_a_folder_that_was_moved_away_takes_its_name_again(tmp_path, monkeypatch):
    with atomic_folder(tmp_path / "model") as temporary:
        (temporary / "file").write_text("old")
    _kill_between_the_renames(tmp_path / "model", monkeypatch)
    assert not (tmp_path / "model").exists()
    sweep(tmp_path / "model")
    assert (tmp_path / "model" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_leftovers_are_swept_and_nothing_else(tmp_path):
    others = [".emoji.original", ".partial.notes", "emoji", ".partial.flags.cfg.abcdefgh.cfg"]
    for name in (*others, ".partial.emoji.abcdefgh", ".partial.emoji.abcdefgh.old"):
        (tmp_path / name).mkdir()
    sweep(tmp_path / "emoji")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
    sweep_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others[:-1])
    sweep_folder(tmp_path / "none")
