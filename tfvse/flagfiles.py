"""Flagfiles: where they are found, and how their lines take their place among the flags.

The configs of the papers travel with the package. `--flagfile=cyclematch/emoji` therefore works
anywhere: a path that does not exist is looked for among them.
"""

import os
import pathlib
import re
from collections.abc import Sequence

from tfvse import reading
from tfvse.errors import UserError, nearest

BYTES = 2**20
DEEPEST = 20  # flagfiles that name each other
_PACKAGE = pathlib.Path(__file__).parent
_COMMENT = ("#", "//")


def configs() -> pathlib.Path:
    """The folder of all configs: of the installed package, or `configs/` of a checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def names(system: str = "*") -> list[str]:
    """Short names of the flagfiles of a system, such as "cyclematch/emoji"; "*": of all."""
    found = sorted(configs().glob(f"{system}/*.cfg"))
    return [path.relative_to(configs()).with_suffix("").as_posix() for path in found]


def find(path: str) -> pathlib.Path:
    """The flagfile called `path`: a file, or else a config of the package.

    Args:
      path: such as "my.cfg", "configs/cyclematch/emoji.cfg", "cyclematch/emoji".

    Raises:
      UserError: there is none; names the nearest config.
    """
    own = pathlib.Path(os.path.expanduser(path))
    if own.exists():
        return own

    short = path.removeprefix("configs/").removesuffix(".cfg")
    if short in names():
        return configs() / f"{short}.cfg"
    near = nearest(short, names())
    example = "" if near else "; give the path of a .cfg file such as configs/smoke/cyclematch.cfg"
    raise UserError(f"--flagfile={path}: cannot be read{near}{example}")


def expand(words: Sequence[str], depth: int = 0) -> list[str]:
    """`words` with every --flagfile replaced by the lines of the file, at any depth.

    Raises:
      UserError: a file that is not there, is no text, is too large, or includes itself.
    """
    if depth > DEEPEST:
        raise UserError("--flagfile: the files include each other without end")
    expanded: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*expanded, word, *waiting]
        match = re.fullmatch(r"--?flagfile(?:=(.*))?", word, re.DOTALL)
        if match is None:
            expanded.append(word)
            continue
        path = match.group(1)
        if path is None:
            path = waiting.pop(0) if waiting else ""
        expanded += expand(_flags_in(path.strip()), depth + 1)
    return expanded


def _flags_in(path: str) -> list[str]:
    """The lines of a flagfile, without blank ones and comments."""
    lines = [line.strip() for line in reading.read_lines(find(path), BYTES)]
    return [line for line in lines if line and not line.startswith(_COMMENT)]
