"""Kills a smoke run of every system twenty times and prints what happened: `python -m tests.killing.kill_twenty`."""

import dataclasses
import pathlib
import tempfile

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


def main(argv):
    flags = parse_flags(Flags, argv)
    print("| system | kill | lines in the log | newest checkpoint | end |\n|---|---|---|---|---|")
    for system in flags.systems.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            _kill(system, flags, pathlib.Path(scratch))


def _kill(system, flags, folder):
    experiment = experiments.prepare(system, folder)
    length = [
        f"--steps={flags.steps}",
        "--epochs=0",
        f"--checkpoint_every={flags.checkpoint_every}",
    ]
    count = 0
    for event in kill_and_compare(
        experiment.flags(folder, *length), folder / "runs", flags.kills, flags.seed
    ):
        if isinstance(event, Killed):
            count += 1
            print(
                f"| {system} | {count} | {event.steps_logged} | {event.newest_checkpoint} | |",
                flush=True,
            )
        else:
            print(f"| {system} | | | | byte-identical |", flush=True)


if __name__ == "__main__":
    errors.run(main)
