"""Files that are either whole or not there: write beside, fsync, rename."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile


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
        prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent
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
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.rglob("*"):
            _sync(file)
        if path.exists():
            old = temporary.with_name(temporary.name + ".old")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(
            OSError
        ):  # where nothing came into being, no empty parents stay either
            for parent in new:
                parent.rmdir()


def write_json(path, value):
    """Writes `value` as indented strict JSON (no NaN or infinity) in one atomic step."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
