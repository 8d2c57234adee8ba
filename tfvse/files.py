"""Files that are either whole or not there: write beside, fsync, rename. And how to open one."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from tfvse import interruption
from tfvse.errors import UserError
from tfvse.typing import PathLike

# What `atomic_write` and `atomic_folder` write into: a mark, the name to be, random characters, an
# ending.
_PARTIAL = ".partial."
_LEFTOVER = re.compile(
    re.escape(_PARTIAL) + r"(?P<name>.+)\.[a-z0-9_]{8}(?P<end>\.[^.]+)?", re.DOTALL
)
_OLD = ".old"  # the ending of a folder that was moved away for a new one


def open_regular(path: PathLike) -> BinaryIO:
    """Opens a regular file to read bytes from; never waits for the other end of a pipe.

    Raises:
      OSError: it cannot be opened; ENXIO: it is no regular file (a folder, a pipe, a device).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), os.fspath(path))
    return open(descriptor, "rb")


def read_regular(
    path: PathLike,
    limit: int,
) -> bytes:
    """The bytes of a regular file that holds at most `limit` bytes.

    Raises:
      OSError: as `open_regular`, or it cannot be read; EFBIG: it is larger.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size <= limit:
            data = file.read(limit + 1)
            if len(data) <= limit:
                return data
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))


def _sync(path: PathLike) -> None:
    """Waits until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock(
    path: PathLike,
    busy: str = "",
) -> Iterator[None]:
    """Holds a lock file while the block runs, then removes it; a kill leaves nothing locked.

    Args:
      path: the lock file; its folder exists.
      busy: sentence for a person when another process holds it; "": wait.

    Raises:
      UserError: another process holds it.
    """
    with interruption.deferred():
        descriptor = _locked(path, busy)
        try:
            with interruption.obeyed():
                yield
        finally:
            pathlib.Path(path).unlink(missing_ok=True)
            os.close(descriptor)


def _locked(
    path: PathLike,
    busy: str,
) -> int:
    """The descriptor of a lock file that is held."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # the holder before removed it between our two steps
        except BlockingIOError:
            os.close(descriptor)
            raise UserError(busy) from None
        os.close(descriptor)


@contextlib.contextmanager
def atomic_write(path: PathLike) -> Iterator[pathlib.Path]:
    """Writes a file as a whole.

    A temporary file beside it takes its name when the block ends well.

    Args:
      path: the file to be. Missing parent folders are made.

    Yields:
      pathlib.Path of a file that does not exist yet.

    Raises:
      OSError: the folder cannot be written; ENXIO: `path` is a device or a pipe. Nothing is left
        behind.
    """
    path = pathlib.Path(path)
    # A rename would put a file in the place of /dev/null.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with interruption.deferred():
        descriptor, name = tempfile.mkstemp(
            prefix=f"{_PARTIAL}{path.name}.",
            suffix=path.suffix,
            dir=path.parent,
        )
        os.close(descriptor)
        temporary = pathlib.Path(name)
        try:
            with interruption.obeyed():
                yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def overlap(
    first: PathLike,
    second: PathLike,
) -> bool:
    """Whether two folders are the same or one lies in the other, whatever their names hold."""
    return _is_inside(first, second) or _is_inside(second, first)


def _is_inside(
    path: PathLike,
    folder: PathLike,
) -> bool:
    """Whether `path` is the folder or lies in it."""
    path = pathlib.Path(os.path.realpath(path))
    existing = [place for place in (path, *path.parents) if place.exists()]
    return os.path.exists(folder) and any(os.path.samefile(p, folder) for p in existing)


def refuse_to_replace(path: pathlib.Path) -> None:
    """Raises UserError: the check of those who never replace a folder."""
    raise UserError(f"{path}: holds files already; give another folder")


@contextlib.contextmanager
def atomic_folder(
    path: PathLike,
    may_replace: Callable[[pathlib.Path], None] = refuse_to_replace,
) -> Iterator[pathlib.Path]:
    """Like `atomic_write` for a whole folder. What killed processes left of it is removed first.

    Args:
      path: the folder to be; where it is a symbolic link, the folder that it leads to.
      may_replace: called with an older folder that holds anything, which is deleted when the block
        ends well; raises UserError unless it is one that the caller made.

    Yields:
      pathlib.Path of an empty folder.

    Raises:
      UserError: the older folder may not be replaced, or another process is writing this one.
      OSError: when it cannot be written; the older folder is still there, and nothing else.
    """
    path = pathlib.Path(os.path.realpath(path))
    _require_replaceable(path, may_replace)
    new = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    busy = f"{path}: another process is writing it; wait for that one, or give another folder"
    try:
        with lock(path.with_name(f".{path.name}.lock"), busy):
            sweep(path)
            with _partial_folder(path) as temporary:
                yield temporary
                _finish(temporary)
                _require_replaceable(path, may_replace)
                with interruption.deferred():
                    _take_place(temporary, path)
                _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):  # where nothing came into being, no empty parents stay
            for parent in new:
                parent.rmdir()


@contextlib.contextmanager
def _partial_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty folder beside `path`; what is left of it in the end is removed."""
    with interruption.deferred():
        name = tempfile.mkdtemp(prefix=f"{_PARTIAL}{path.name}.", dir=path.parent)
        temporary = pathlib.Path(name)
        try:
            with interruption.obeyed():
                yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _finish(folder: pathlib.Path) -> None:
    """Makes a folder readable for others, and waits until it is on the disk."""
    folder.chmod(0o755)
    for file in folder.rglob("*"):
        _sync(file)


def _require_replaceable(
    path: pathlib.Path,
    may_replace: Callable[[pathlib.Path], None],
) -> None:
    """Raises UserError where an older folder may not be replaced."""
    if os.path.ismount(path):
        raise UserError(
            f"{path}: is a mount point, which cannot be replaced; give a folder inside it"
        )
    if path.exists() and any(path.iterdir()):
        may_replace(path)


def _take_place(
    temporary: pathlib.Path,
    path: pathlib.Path,
) -> None:
    """Gives the folder `temporary` the name `path`; `sweep` mends what a kill leaves."""
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


def sweep(path: PathLike) -> None:
    """Removes what killed writers of `path` left beside it.

    A folder that they had moved away takes its name again. Only the one process that may write
    `path` now, as a lock makes sure, may call this: a living writer's work is removed too.
    """
    path = pathlib.Path(path)
    _sweep(path.parent, lambda name: name == path.name)


def sweep_folder(folder: PathLike) -> None:
    """Like `sweep` for everything that lies in `folder`, which need not exist."""
    _sweep(pathlib.Path(folder), lambda name: True)


def _sweep(
    folder: pathlib.Path,
    owned: Callable[[str], bool],
) -> None:
    """Removes what killed writers left in a folder, of names of which `owned` is true."""
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


def write_json(
    path: PathLike,
    value: Any,
) -> None:
    """Writes `value` as indented strict JSON (no NaN or infinity) in one atomic step."""
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps(
                value,
                indent=2,
                allow_nan=False,
            )
            + "\n"
        )
