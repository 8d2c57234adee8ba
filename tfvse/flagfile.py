"""Flagfiles: one `--flag=value` a line.

`expand` reads them in the place of --flagfile. `write` adds a checksum, so that `read` notices
damage.
"""

import collections
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tfvse import reading, recipes
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.typing import PathLike

LARGEST = 2**20  # bytes of one file
MOST = 10_000  # lines of all files of one command
_COMMENTS = ("#", "//")
_HEAD = "# Resolved settings, sha256 "
_HEAD_WITHOUT_CHECKSUM = "# The resolved settings of this run; "  # of older files


def expand(argv: Iterable[str]) -> list[str]:
    """`argv` with every --flagfile replaced by its lines; files may name further files.

    Raises:
      UserError: a file cannot be read or is no text, or files include each other without end.
    """
    waiting = collections.deque(argv)
    words: list[str] = []
    count = 0
    while waiting:
        word = waiting.popleft()
        match = re.fullmatch(r"--?flagfile(?:=(.*))?", word, re.DOTALL)
        if not match:
            words.append(word)
            continue
        path = match[1]
        if path is None:
            path = waiting.popleft() if waiting else ""
        lines = _flags(_text(path))
        waiting.extendleft(reversed(lines))
        count += 1 + len(lines)
        if count > MOST:
            raise UserError(
                f"--flagfile={path}: more than {MOST:,} lines; do the files include each other?"
            )
    return words


def _text(path: PathLike) -> str:
    """The text of the flagfile `path`; raises `UserError` if it has none."""
    name = str(path)
    try:
        return reading.read_bytes(recipes.find(name), LARGEST).decode("utf-8")
    except UnicodeError:
        raise UserError(
            f"--flagfile={path}: it is not a text file; give a .cfg file with one --flag=value a "
            "line"
        ) from None
    except reading.BadFile as error:
        raise UserError(
            f"--flagfile={path}: cannot be read ({error.reason}){recipes.hint(name)}"
        ) from None


def _flags(text: str) -> list[str]:
    """The lines of `text` that are flags."""
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if line and not line.startswith(_COMMENTS)]


def write(config: Any, path: pathlib.Path) -> None:
    """Writes every setting of the dataclass `config` as a flagfile, atomically."""
    lines = []
    for field in dataclasses.fields(config):
        lines.append(f"--{field.name}={render(getattr(config, field.name))}")
    head = f"{_HEAD}{_digest(lines)}; --flagfile={path} replays them."
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def render(value: Any) -> str:
    """The text of a setting after the "=" of its flag: true or false, a list with commas."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def read(path: pathlib.Path) -> dict[str, str]:
    """The settings in a file of `write`: name → text. Those of older files are under today's names.

    Raises:
      UserError: the settings are not those that were written.
    """
    check(path)
    text = _text(path)
    settings = {}
    for line in _flags(text):
        name, _, value = line.lstrip("-").partition("=")
        settings[name] = value
    return _of_today(settings) if text.startswith(_HEAD_WITHOUT_CHECKSUM) else settings


def _of_today(settings: dict[str, str]) -> dict[str, str]:
    """The settings of an older file, name → text, as a file of today has them."""
    if "drop_again_at" in settings:
        settings["drop_at"] += "," + settings.pop("drop_again_at")
    if settings.get("drop_at") == "1.0":  # a fraction then, and 1 stood for never
        settings["drop_at"] = ""
    return settings


def check(path: pathlib.Path) -> None:
    """Compares a file of `write` with its checksum; older files, which have none, pass.

    Raises:
      UserError: the settings are not those that were written.
    """
    text = _text(path)
    head = text.partition("\n")[0]
    if head.startswith((_HEAD + _digest(_flags(text)), _HEAD_WITHOUT_CHECKSUM)):
        return
    raise UserError(
        f"{path}: was changed or damaged since it was written; give changed settings as flags, or "
        "delete the file and train with the same flags, which writes it again"
    )


def _digest(lines: Sequence[str]) -> str:
    """SHA-256 of `lines`, in hex."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
