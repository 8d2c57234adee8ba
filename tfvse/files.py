"""Files that are either whole or not there: write beside, fsync, rename."""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import stat
import tempfile

from tfvse import interruption

# What `atomic_write` and `atomic_folder` write into: a mark, the name to be, random characters, an ending.
_PARTIAL = ".partial."
_LEFTOVER = re.compile(
    re.escape(_PARTIAL) + r"(?P<name>.+)\.[a-z0-9_]{8}(?P<end>\.[^.]+)?", re.DOTALL
)
_OLD = ".old"  # the ending of a folder that was moved away for a new one


def read_regular(path: str | os.PathLike, limit: int) -> bytes:
    """The bytes of a regular file that holds at most `limit` bytes.

    Raises:
      OSError: it cannot be read; ENXIO: it is no regular file (a pipe, a device); EFBIG: it is larger.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), os.fspath(path))
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return data


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_write(path):
    """Yields a temporary path in the folder of `path`; it takes the name `path` when the block ends well.

    Args:
      path: the file to be. Missing parent folders are made.

    Yields:
      pathlib.Path of a file that does not exist yet.

    Raises:
      OSError: when the folder cannot be written; nothing is left behind.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        prefix=f"{_PARTIAL}{path.name}.", suffix=path.suffix, dir=path.parent
    )
    os.close(descriptor)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path):
    """Like `atomic_write` for a whole folder: an older folder at `path` is replaced only when the block ends well."""
    path = pathlib.Path(path)
    new = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.rglob("*"):
            _sync(file)
        with interruption.deferred():
            _take_place(temporary, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(
            OSError
        ):  # where nothing came into being, no empty parents stay either
            for parent in new:
                parent.rmdir()


def _take_place(temporary, path):
    """Gives the folder `temporary` the name `path`; `sweep` mends what a kill in the middle leaves."""
    if not path.exists():
        os.replace(temporary, path)
        return
    old = temporary.with_name(temporary.name + _OLD)
    os.replace(path, old)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old)


def sweep(path: str | os.PathLike) -> None:
    """Removes what killed writers of `path` left beside it; a folder that they had moved away takes its name again.

    Only for the one process that may write `path` now, as a lock makes sure: a living writer's work is removed too.
    """
    path = pathlib.Path(path)
    _sweep(path.parent, lambda name: name == path.name)


def sweep_folder(folder: str | os.PathLike) -> None:
    """Like `sweep` for everything that lies in `folder`, which need not exist."""
    _sweep(pathlib.Path(folder), lambda name: True)


def _sweep(folder, owned):
    if not folder.is_dir():
        return
    for left in sorted(folder.iterdir()):
        match = _LEFTOVER.fullmatch(left.name)
        if not match or not owned(match["name"]):
            continue

        path = folder / match["name"]
        if match["end"] == _OLD and not path.exists():
            os.replace(left, path)
        elif left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def write_json(path, value):
    """Writes `value` as indented strict JSON (no NaN or infinity) in one atomic step."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
