"""Lists the data sets with their licences: `tfvse data`, or the layout of one: `tfvse data camvid`."""

import dataclasses
from collections.abc import Sequence

from tfvse.commands import descriptions
from tfvse.config import Settings, setting
from tfvse.data import DATASETS
from tfvse.errors import UserError, nearest
from tfvse.parsing import parse_flags

NO_LICENCE = "as its manifest says"


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Lists the data sets, or shows the layout that one of them is expected in."""

    data: str = setting("", "the data set to show; may be given bare")


def main(argv: Sequence[str]) -> None:
    """Prints the list, or the layout and the licence of one data set.

    Raises:
      UserError: no such data set; names the nearest one.
    """
    flags = parse_flags(Flags, list(argv), positional="data")
    if not flags.data:
        print(listing())
        print("\ntfvse data <name> shows the layout that `tfvse prepare --data=<name>` expects")
        return
    if flags.data not in DATASETS:
        known = f"{', '.join(DATASETS)}{nearest(flags.data, DATASETS)}"
        raise UserError(f"--data={flags.data}: no such data set; there are {known}")
    print(describe(flags.data))


def listing() -> str:
    """Every data set with its licence."""
    lines = ["data sets and their licences"]
    for name in DATASETS:
        lines.append(f"  {name:<24} {_licence(name)}")
    return "\n".join(lines)


def describe(name: str) -> str:
    """A data set: what it is, its licence, the layout of its folder."""
    module = DATASETS[name].split(":")[0]
    head = f"{name}: {descriptions.first_sentence(module)}"
    return f"{head}\nlicence: {_licence(name)}\n{_constant(name, 'LAYOUT')}".rstrip()


def _licence(name: str) -> str:
    return _constant(name, "LICENCE") or NO_LICENCE


def _constant(name: str, kind: str) -> str:
    """`<NAME>_<KIND>` of the data set's module, or its `<KIND>`, or ""."""
    module = DATASETS[name].split(":")[0]
    found = descriptions.constants(module)
    own = [key for key in found if key.endswith(f"_{kind}") and _prefix(key, kind) in name]
    key = max(own, key=len, default=kind)
    return found.get(key, "")


def _prefix(key: str, kind: str) -> str:
    return key.removesuffix(f"_{kind}").lower()
