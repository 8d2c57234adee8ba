"""Words of a command line → a dataclass of settings, or its help."""

import dataclasses
import re
import textwrap
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from absl import flags

from tfvse import flagfile
from tfvse.config import Settings, nearest
from tfvse.errors import UserError

AnySettings = TypeVar("AnySettings", bound=Settings)


def setting_types(cls: type[Settings]) -> dict[str, type]:
    """Name of a setting of the dataclass `cls` → its type, also if annotations are strings."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


class _Whole(flags.IntegerParser):
    """Whole numbers as a keyboard has them: ASCII digits, and not thousands of them."""

    def convert(self, argument: Any) -> int:
        """The int that the text or int `argument` says; ValueError otherwise."""
        return super().convert(_plain(argument))


class _Number(flags.FloatParser):
    """Numbers as a keyboard has them."""

    def convert(self, argument: Any) -> float:
        """The float that the text or number `argument` says; ValueError otherwise."""
        return super().convert(_plain(argument))


class _List(flags.ArgumentParser):
    """Items with commas between them → a tuple; empty text is the empty tuple."""

    def __init__(self, item: flags.ArgumentParser) -> None:
        """`item` parses one item of the list."""
        self.item = item

    def parse(self, argument: Any) -> tuple[Any, ...]:
        """The tuple that the text `argument` says, or `argument` itself; ValueError otherwise."""
        if isinstance(argument, tuple):
            return argument
        if not argument.strip():
            return ()
        return tuple(self.item.parse(word.strip()) for word in argument.split(","))

    def flag_type(self) -> str:
        """The name of the type, for absl."""
        return "list"


def _plain(argument: Any) -> Any:
    """`argument` itself; ValueError for text that no number needs."""
    if isinstance(argument, str) and not (argument.isascii() and len(argument) <= 100):
        raise ValueError
    return argument


class _Kind(NamedTuple):
    """How the command line treats a type of settings.

    Attributes:
      name: in the help.
      rule: what a value must be, in messages.
      parser: text → value.
    """

    name: str
    rule: str
    parser: flags.ArgumentParser


_KINDS: dict[Any, _Kind] = {
    int: _Kind("int", "a whole number", _Whole()),
    float: _Kind("float", "a number", _Number()),
    bool: _Kind("bool", "true or false", flags.BooleanParser()),
    str: _Kind("str", "text", flags.ArgumentParser()),
    tuple[int, ...]: _Kind("ints", "whole numbers with commas between them", _List(_Whole())),
    tuple[float, ...]: _Kind("floats", "numbers with commas between them", _List(_Number())),
    tuple[str, ...]: _Kind(
        "words", "words with commas between them", _List(flags.ArgumentParser())
    ),
}


def _define(field: dataclasses.Field, kind: type, values: flags.FlagValues) -> None:
    """Adds the flag of a dataclass field of type `kind` to `values`."""
    default: Any = field.default
    about = field.metadata["help"]
    if kind is bool:  # absl adds --no<flag> to such flags only
        flags.DEFINE_boolean(field.name, default, about, flag_values=values)
    else:
        flags.DEFINE(_KINDS[kind].parser, field.name, default, about, flag_values=values)


def parse_flags(
    cls: type[AnySettings],
    argv: Sequence[str],
    positional: str | None = None,
    hint: Callable[[str], str] | None = None,
) -> AnySettings:
    """Parses `argv` into an instance of the dataclass `cls`.

    Args:
      cls: a subclass of `Settings`.
      argv: words without the program's name; may hold --flagfile.
      positional: name of the str field that takes one bare argument; None: bare arguments are
        refused.
      hint: flag name → a further clause for an unknown flag, or "".

    Raises:
      UserError: an unknown flag, a wrong type, a value out of range, a bare argument.
      SystemExit: after printing the help asked for by --help or --helpful.
    """
    argv = flagfile.expand(argv)
    if any(map(is_help, argv)):
        print(describe_flags(cls))
        raise SystemExit(0)
    _refuse_long_names(argv)

    values = _define_all(cls)
    rest = _read(values, argv, setting_types(cls), hint)
    names = [field.name for field in dataclasses.fields(cls)]
    found = {name: values[name].value for name in names}
    if rest and positional and len(rest) == 1 and not found[positional]:
        found[positional] = rest.pop()
    if rest:
        raise UserError(f"{rest[0]!r}: not a flag; write --name=value{nearest(rest[0], names)}")
    return cls(**found)


def _define_all(cls: type[Settings]) -> flags.FlagValues:
    """The flags of the dataclass `cls`, with their default values."""
    values = flags.FlagValues()
    types = setting_types(cls)
    for field in dataclasses.fields(cls):
        _define(field, types[field.name], values)
    return values


def _read(
    values: flags.FlagValues,
    argv: Sequence[str],
    types: Mapping[str, type],
    hint: Callable[[str], str] | None,
) -> list[str]:
    """Sets the flags `values` from `argv` and returns the bare arguments.

    Args:
      types: name of each flag → its type.
      hint: as in `parse_flags`.
    """
    try:
        return list(values(["tool", *argv])[1:])
    except flags.UnrecognizedFlagError as error:
        name = error.flagname
        more = hint(name) if hint else ""
        raise UserError(f"--{name}: no such flag{more or nearest(name, list(types))}") from None
    except flags.Error as error:
        raise UserError(_wrong_type(str(error), types)) from None


def is_help(word: str) -> bool:
    """Whether a word of the command line asks for help."""
    return word.startswith("-") and word.lstrip("-") in ("help", "helpful", "helpfull")


def _refuse_long_names(argv: Iterable[str]) -> None:
    """Raises `UserError` for a name that is longer than any flag's.

    absl compares an unknown name with all others, letter by letter, without a bound.
    """
    for word in argv:
        if re.match(r"-[^=]{100}", word):
            raise UserError(f"{word[:40]}…: no such flag; no name is as long")


def _wrong_type(message: str, types: Mapping[str, type]) -> str:
    """What a flag must be, from absl's `message`; the message itself if it names no known flag."""
    name = _known_name(message, types)
    if not name:
        return message
    value = re.search(r"=([^:]*)", message)
    shown = f"={value[1]}" if value else ""
    return f"--{name}{shown}: must be {_KINDS[types[name]].rule}"


def _known_name(message: str, known: Collection[str]) -> str:
    """The flag that a message names, also as --no<flag>; "" if it is none of the `known`."""
    match = re.search(r"--(\w+)", message)
    written = match[1] if match else ""
    for name in (written, written.removeprefix("no")):
        if name in known:
            return name
    return ""


def describe_flags(cls: type[Settings]) -> str:
    """Readable help: the flags of `cls` by the class that adds them, most specific first."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    types = setting_types(cls)
    blocks = []
    for owner in cls.__mro__:
        own = _own_fields(owner)
        if own:
            lines = [_title(owner), *(_describe(fields[name], types[name]) for name in own)]
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks or [_title(cls)])


def _title(cls: type) -> str:
    """The first line of the docstring of `cls`."""
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


def _own_fields(cls: type) -> list[str]:
    """Names of the settings that the dataclass `cls` adds to those of its bases."""
    if not dataclasses.is_dataclass(cls):
        return []
    inherited: set[str] = set()
    for base in cls.__mro__[1:]:
        if dataclasses.is_dataclass(base):
            inherited.update(field.name for field in dataclasses.fields(base))
    return [field.name for field in dataclasses.fields(cls) if field.name not in inherited]


def _describe(field: dataclasses.Field, kind: type) -> str:
    """The help of one flag: its default, what it is, and its rules."""
    rules = field.metadata
    notes = [_KINDS[kind].name]
    if rules["choices"]:
        notes.append(" | ".join(map(str, rules["choices"])))
    if rules["low"] is not None or rules["high"] is not None:
        low = "" if rules["low"] is None else rules["low"]
        high = "" if rules["high"] is None else rules["high"]
        notes.append(f"{low} … {high}")

    head = f"  --{field.name}={flagfile.render(field.default)}"
    text = f"{rules['help']} ({'; '.join(notes)})"
    indent = " " * 6
    return head + "\n" + textwrap.fill(text, 100, initial_indent=indent, subsequent_indent=indent)
