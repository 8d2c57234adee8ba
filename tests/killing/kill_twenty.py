"""Kills a smoke run of every system twenty times and prints what happened.

`python -m tests.killing.kill_twenty`
"""

import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence

from tests.conformance import experiments
from tests.killing.killing import Killed, kill_and_compare
from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.parsing import parse_flags


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Kills runs and compares what they end with."""

    systems: str = setting(",".join(experiments.SYSTEMS), "names of systems")
    kills: int = setting(20, "kills of each system", low=1)
    steps: int = setting(60, "steps of a stage", low=4)
    checkpoint_every: int = setting(4, "steps between two checkpoints", low=1)
    seed: int = setting(0, "of the moments", low=0)


def main(argv: Sequence[str]) -> None:
    """Prints a table of Markdown, a line for each kill and for each run that ended."""
    flags = parse_flags(Flags, list(argv))
    print("| system | kill | lines in the log | newest checkpoint | end |\n|---|---|---|---|---|")
    for system in flags.systems.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            _kill(system, flags, pathlib.Path(scratch))


def _kill(system: str, flags: Flags, folder: pathlib.Path) -> None:
    """Kills the runs of one system."""
    length = [
        f"--steps={flags.steps}",
        "--epochs=0",
        f"--checkpoint_every={flags.checkpoint_every}",
    ]
    argv = experiments.prepare(system, folder).flags(folder, *length)
    count = 0
    for event in kill_and_compare(argv, folder / "runs", flags.kills, flags.seed):
        if isinstance(event, Killed):
            count += 1
            found = f"{event.steps_logged} | {event.newest_checkpoint}"
            print(f"| {system} | {count} | {found} | |", flush=True)
        else:
            print(f"| {system} | | | | byte-identical |", flush=True)


if __name__ == "__main__":
    errors.run(main)
