"""Words of a command line → a dataclass of settings, or its help."""

import dataclasses
import re
import textwrap
import typing
from collections.abc import Callable, Sequence
from typing import TypeVar

from absl import flags

from tfvse import flagfile
from tfvse.config import Settings, nearest
from tfvse.errors import UserError

AnySettings = TypeVar("AnySettings", bound=Settings)


def setting_types(cls: type) -> dict[str, type]:
    """Name of a setting of the dataclass `cls` → its type, also where annotations are strings."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


_KIND = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple[int, ...]: "whole numbers with commas between them",
    tuple[float, ...]: "numbers with commas between them",
    tuple[str, ...]: "words with commas between them",
}


_NAMES = {
    int: "int",
    float: "float",
    bool: "bool",
    str: "str",
    tuple[int, ...]: "ints",
    tuple[float, ...]: "floats",
    tuple[str, ...]: "words",
}


class _Whole(flags.IntegerParser):
    """Whole numbers as a keyboard has them: other digits of Unicode are a mistake, and so are thousands of them."""

    def convert(self, argument):
        """The int that the text or int `argument` says; ValueError otherwise."""
        return super().convert(_plain(argument))


class _Number(flags.FloatParser):
    """Numbers as a keyboard has them."""

    def convert(self, argument):
        """The float that the text or number `argument` says; ValueError otherwise."""
        return super().convert(_plain(argument))


class _List(flags.ArgumentParser):
    """Items with commas between them → a tuple; empty text is the empty tuple."""

    def __init__(self, item):
        self.item = item

    def parse(self, argument):
        """The tuple that the text `argument` says, or `argument` itself; ValueError otherwise."""
        if isinstance(argument, tuple):
            return argument
        words = [word.strip() for word in argument.split(",")] if argument.strip() else []
        return tuple(self.item.parse(word) for word in words)

    def flag_type(self):
        """The name of the type, for absl."""
        return "list"


_PARSERS = {
    int: _Whole,
    float: _Number,
    tuple[int, ...]: lambda: _List(_Whole()),
    tuple[float, ...]: lambda: _List(_Number()),
    tuple[str, ...]: lambda: _List(flags.ArgumentParser()),
}


def _plain(argument):
    if isinstance(argument, str) and not (argument.isascii() and len(argument) <= 100):
        raise ValueError
    return argument


def _define(field, kind, values):
    """Adds the flag of a dataclass field of type `kind` to the FlagValues `values`."""
    about = (field.name, field.default, field.metadata["help"])
    if kind is bool:
        flags.DEFINE_boolean(*about, flag_values=values)
    elif kind is str:
        flags.DEFINE_string(*about, flag_values=values)
    else:
        flags.DEFINE(_PARSERS[kind](), *about, flag_values=values)


def parse_flags(
    cls: type[AnySettings],
    argv: Sequence[str],
    positional: str | None = None,
    hint: Callable[[str], str] | None = None,
) -> AnySettings:
    """Parses `argv` into an instance of the dataclass `cls`.

    Args:
      cls: a subclass of `Settings`.
      argv: list of str, without the program's name; may hold --flagfile.
      positional: name of the str field that takes one bare argument, or None to refuse bare arguments.
      hint: callable flag name → a further sentence for an unknown flag, or None.

    Raises:
      UserError: an unknown flag, a wrong type, a value out of range, a bare argument.
      SystemExit: after printing the help asked for by --help or --helpful.
    """
    argv = flagfile.expand(argv)
    if any(map(is_help, argv)):
        print(describe_flags(cls))
        raise SystemExit(0)
    _refuse_long_names(argv)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    values = flags.FlagValues()
    types = setting_types(cls)
    for name, field in fields.items():
        _define(field, types[name], values)
    try:
        rest = values(["tool", *argv])[1:]
    except flags.UnrecognizedFlagError as error:
        more = hint(error.flagname) if hint else ""
        raise UserError(
            f"--{error.flagname}: no such flag{more or nearest(error.flagname, fields)}"
        ) from None
    except flags.Error as error:
        raise UserError(_wrong_type(str(error), types)) from None
    found = {name: values[name].value for name in fields}
    if rest and positional and len(rest) == 1 and not found[positional]:
        found[positional] = rest.pop()
    if rest:
        raise UserError(f"{rest[0]!r}: not a flag; write --name=value{nearest(rest[0], fields)}")
    return cls(**found)


def is_help(word: str) -> bool:
    """Whether a word of the command line asks for help."""
    return word.startswith("-") and word.lstrip("-") in ("help", "helpful", "helpfull")


def _refuse_long_names(argv):
    """absl compares a name that it does not know with all others, letter by letter, without a bound."""
    for word in argv:
        if re.match(r"-[^=]{100}", word):
            raise UserError(f"{word[:40]}…: no such flag; no name is as long")


def _wrong_type(message, types):
    name = re.search(r"--(\w+)", message)
    name = name.group(1) if name else ""
    name = name if name in types else name.removeprefix("no")
    if name not in types:
        return message
    value = re.search(r"=([^:]*)", message)
    shown = f"={value.group(1)}" if value else ""
    return f"--{name}{shown}: must be {_KIND[types[name]]}"


def describe_flags(cls: type[Settings]) -> str:
    """Readable help: the flags of `cls` by the class that brought them, most specific first."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    types = setting_types(cls)
    blocks = []
    for owner in cls.__mro__:
        own = _own_fields(owner)
        if own:
            lines = [_title(owner), *(_describe(fields[name], types[name]) for name in own)]
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks or [_title(cls)])


def _title(cls):
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


def _own_fields(cls):
    """Names of the settings that the dataclass `cls` adds to those of its bases."""
    if not dataclasses.is_dataclass(cls):
        return []
    inherited = set()
    for base in cls.__mro__[1:]:
        if dataclasses.is_dataclass(base):
            inherited.update(field.name for field in dataclasses.fields(base))
    return [field.name for field in dataclasses.fields(cls) if field.name not in inherited]


def _describe(field, kind):
    rules = field.metadata
    notes = [_NAMES[kind]]
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
