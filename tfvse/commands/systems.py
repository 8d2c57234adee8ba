"""Lists the systems with their papers: `tfvse systems`; or shows one: `tfvse systems cfn`."""

import dataclasses
import textwrap
from collections.abc import Sequence

from tfvse import recipes
from tfvse.commands import descriptions
from tfvse.config import Settings, setting
from tfvse.errors import UserError, nearest
from tfvse.parsing import parse_flags
from tfvse.systems import SYSTEMS

_WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Lists the systems, or shows one of them with all its configs."""

    system: str = setting("", "the system to show; may be given bare")


def main(argv: Sequence[str]) -> None:
    """Prints the list, or what one system is.

    Raises:
      UserError: no such system; names the nearest one.
    """
    flags = parse_flags(Flags, list(argv), positional="system")
    if not flags.system:
        print(listing())
        print("\ntfvse systems <name> shows one of them, with its paper and configs")
        return
    if flags.system not in SYSTEMS:
        known = f"{', '.join(SYSTEMS)}{nearest(flags.system, SYSTEMS)}"
        raise UserError(f"--system={flags.system}: no such system; there are {known}")
    print(describe(flags.system))


def listing() -> str:
    """Every system with the first sentence of its docstring and the number of its configs."""
    lines = ["systems"]
    for name in sorted(SYSTEMS):
        module = SYSTEMS[name].split(":")[0]
        count = len(recipes.names(name))
        text = f"{descriptions.first_sentence(module)} ({count} configs)"
        lines.append(_entry(name, text))
    return "\n".join(lines)


def describe(name: str) -> str:
    """A system with its paper and the short names of all its configs."""
    module = SYSTEMS[name].split(":")[0]
    head, paper = [*descriptions.paragraphs(module), "", ""][:2]
    lines = [name, *_wrapped(head), *_wrapped(paper), "configs"]
    for config in [*recipes.names(name), f"smoke/{name}"]:
        lines.append(f"  --flagfile={config}")
    return "\n".join(lines)


def _entry(name: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")
