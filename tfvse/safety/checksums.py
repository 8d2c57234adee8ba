"""SHA-256 of every file of a folder, kept beside them: whether a copy is still what was written."""

import pathlib

from tfvse.errors import UserError
from tfvse.files import write_json
from tfvse.reading import BadFile, digest, read_json

FILE = pathlib.PurePath("assets.extra", "checksums.json")
_MOST_BYTES = 2**20  # of the list
_EDITED = pathlib.PurePath("MODEL_CARD.md")  # people add to it


def write(folder: pathlib.Path) -> None:
    """Writes `FILE` for all files in `folder` but the model card, which people may edit."""
    folder = pathlib.Path(folder)
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    kept = sorted(path.as_posix() for path in paths if path not in (FILE, _EDITED))
    write_json(folder / FILE, {name: digest(folder / name) for name in kept})


def verify(folder: pathlib.Path) -> None:
    """Raises UserError when a file in `folder` is not what `FILE` says; a folder of before has none, and passes."""
    folder = pathlib.Path(folder)
    if not (folder / FILE).exists():
        return
    for name, expected in _read(folder).items():
        path = folder / name
        if not path.is_file() or digest(path) != expected:
            raise UserError(f"{path}: damaged or missing; copy or export the model again")


def _read(folder):
    try:
        found = read_json(folder / FILE, _MOST_BYTES)
        if not all(_is_inside(folder, name) for name in found):
            raise ValueError("a file elsewhere")
        return dict(found)
    except (BadFile, ValueError, TypeError):
        raise UserError(f"{folder / FILE}: damaged; copy or export the model again") from None


def _is_inside(folder, name):
    return (folder / name).resolve().is_relative_to(folder.resolve())
