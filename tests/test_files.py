"""Files and folders are whole or not there, and what a kill leaves is swept."""

import errno
import multiprocessing
import os
import pathlib
import signal
import tempfile

import pytest

from tfvse import interruption
from tfvse.errors import UserError
from tfvse.files import (
    atomic_folder,
    atomic_write,
    lock,
    overlap,
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


def test_a_device_or_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError) as caught, atomic_write(tmp_path / "pipe"):
        pass
    assert caught.value.errno == errno.ENXIO
    assert (tmp_path / "pipe").is_fifo() and len(list(tmp_path.iterdir())) == 1


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


def test_a_folder_that_nobody_vouches_for_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("years of work")
    with pytest.raises(UserError, match="holds files already"), atomic_folder(tmp_path / "thesis"):
        raise AssertionError("must not begin")
    assert (tmp_path / "thesis" / "chapter").read_text() == "years of work"


def test_what_comes_while_a_folder_is_written_is_not_replaced(tmp_path):
    with pytest.raises(UserError, match="holds files already"):
        with atomic_folder(tmp_path / "new"):
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "letter").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "letter"]


def test_a_link_stays_and_its_folder_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    with atomic_folder(tmp_path / "link") as temporary:
        (temporary / "file").touch()
    assert (tmp_path / "link").is_symlink() and (tmp_path / "disk" / "file").exists()


def test_a_mount_point_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: pathlib.Path(path) == tmp_path / "disk")
    with pytest.raises(UserError, match="is a mount point"), atomic_folder(tmp_path / "disk"):
        raise AssertionError("must not begin")


def _hold(path, held, end):
    with lock(path, "busy"):
        held.set()
        end.wait()
        os._exit(1)  # as a kill does: nothing is tidied up


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, end = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(tmp_path / "lock", held, end))
    child.start()
    assert held.wait(60)
    with pytest.raises(UserError, match="busy"), lock(tmp_path / "lock", "busy"):
        pass
    end.set()
    child.join()
    with lock(tmp_path / "lock", "busy"):
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()


def test_two_writers_of_one_folder_and_leftovers(tmp_path):
    (tmp_path / ".partial.new.abcdefgh").mkdir()
    with atomic_folder(tmp_path / "new"):
        assert not (tmp_path / ".partial.new.abcdefgh").exists()
        with pytest.raises(UserError, match="another process"), atomic_folder(tmp_path / "new"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("write", "maker"), [(atomic_folder, "mkdtemp"), (atomic_write, "mkstemp")]
)
def test_a_signal_while_the_place_is_made_leaves_nothing(
    tmp_path, write, maker, monkeypatch, own_signals
):
    make = getattr(tempfile, maker)

    def interrupted(**where):
        made = make(**where)
        signal.raise_signal(signal.SIGTERM)
        return made

    monkeypatch.setattr(tempfile, maker, interrupted)
    interruption.install()
    with pytest.raises(interruption.Interrupted), interruption.obeyed():
        with write(tmp_path / "new"):
            pytest.fail("the signal was not obeyed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("second", "together"),
    [
        ("a", True),
        ("a/b/c", True),
        (".", True),
        ("x/../a", True),
        ("link/new", True),
        ("ab", False),
        ("x", False),
    ],
)
def test_folders_that_overlap(tmp_path, second, together):
    (tmp_path / "a").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert overlap(tmp_path / "a", tmp_path / second) is together
    assert overlap(tmp_path / second, tmp_path / "a") is together
