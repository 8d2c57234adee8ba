"""The configs that travel with the package, found by short names such as "cyclematch/emoji"."""

import os
import pathlib

from tfvse.errors import nearest

_PACKAGE = pathlib.Path(__file__).parent


def folder() -> pathlib.Path:
    """The folder of all configs: of the installed package, or `configs/` of a checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def names(system: str = "*") -> list[str]:
    """Short names of the flagfiles of a system, such as "cyclematch/emoji"; "*": of all."""
    found = sorted(folder().glob(f"{system}/*.cfg"))
    return [path.relative_to(folder()).with_suffix("").as_posix() for path in found]


def find(path: str | os.PathLike) -> str:
    """Where the flagfile called `path` is.

    Args:
      path: of a file, or of a config such as "configs/cyclematch/emoji.cfg", "cyclematch/emoji".

    Returns:
      `path` where something is there; else the path of the config, or `path` where there is none.
    """
    own = os.path.expanduser(os.fspath(path))
    short = _short(path)
    if os.path.exists(own) or short not in names():
        return own
    return str(folder() / f"{short}.cfg")


def hint(path: str | os.PathLike) -> str:
    """What to say of a flagfile that is not there: the nearest config, or an example."""
    example = "; give the path of a .cfg file such as configs/smoke/cyclematch.cfg"
    return nearest(_short(path), names()) or example


def _short(path: str | os.PathLike) -> str:
    return str(path).removeprefix("configs/").removesuffix(".cfg")
