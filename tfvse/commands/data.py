"""Lists the data sets with their licences: `tfvse data`; or shows one: `tfvse data camvid`."""

import dataclasses
from collections.abc import Sequence

from tfvse.commands import descriptions
from tfvse.config import Settings, setting
from tfvse.data import DATASETS
from tfvse.errors import UserError, nearest
from tfvse.parsing import parse_flags


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
    for name, data_set in DATASETS.items():
        lines.append(f"  {name:<24} {data_set.licence}")
    return "\n".join(lines)


def describe(name: str) -> str:
    """A data set: what it is, its licence, the layout of its folder."""
    data_set = DATASETS[name]
    module = f"tfvse.data.sets.{data_set.module}"
    head = f"{name}: {descriptions.first_sentence(module)}"
    # The source is read, since importing the module takes seconds.
    layout = descriptions.constants(module).get(data_set.layout, "")
    return f"{head}\nlicence: {data_set.licence}\n{layout}".rstrip()
