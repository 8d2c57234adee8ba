"""SHA-256 of every file of a folder, kept beside them: whether a copy is what was written."""

import pathlib

from tfvse.errors import UserError
from tfvse.files import write_json
from tfvse.reading import BadFile, digest, read_json
from tfvse.typing import PathLike

FILE = pathlib.PurePath("assets.extra", "checksums.json")
_MOST_BYTES = 2**20  # of the list
_EDITED = pathlib.PurePath("MODEL_CARD.md")  # people add to it


def write(folder: PathLike) -> None:
    """Writes `FILE` for all files in `folder` but the model card, which people may edit."""
    folder = pathlib.Path(folder)
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    kept = sorted(path.as_posix() for path in paths if path not in (FILE, _EDITED))
    write_json(folder / FILE, {name: digest(folder / name) for name in kept})


def verify(folder: PathLike) -> None:
    """Checks that the files in a folder are what `FILE` says.

    An export of an older version has no such file, and passes.

    Raises:
      UserError: a file is missing or differs, or the list is damaged.
    """
    folder = pathlib.Path(folder)
    if not (folder / FILE).exists():
        return
    for name, expected in _read(folder).items():
        path = folder / name
        if not path.is_file() or digest(path) != expected:
            raise UserError(f"{path}: damaged or missing; copy or export the model again")


def _read(folder: pathlib.Path) -> dict[str, str]:
    """File → SHA-256, as the list says."""
    try:
        found = read_json(folder / FILE, _MOST_BYTES)
        if not all(_is_inside(folder, name) for name in found):
            raise ValueError("a file elsewhere")
        return dict(found)
    except (BadFile, ValueError, TypeError):
        raise UserError(f"{folder / FILE}: damaged; copy or export the model again") from None


def _is_inside(
    folder: pathlib.Path,
    name: str,
) -> bool:
    """Whether the file `name` lies in the folder."""
    return (folder / name).resolve().is_relative_to(folder.resolve())
