"""Trains one experiment: `tfvse train --flagfile=<system>/<data set> --run_dir=runs/<name>`.

Killed at any moment, the same command resumes from the last checkpoint and ends with the same
weights. Ctrl-C and SIGTERM write a checkpoint after the step that runs. A second Ctrl-C ends
without one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfvse import interruption
from tfvse.commands import systems

if TYPE_CHECKING:
    from tfvse.training.trainer import Trainer


def main(argv: Sequence[str]) -> None:
    """Trains the experiment and prints where to go on. Without a system, --help lists them.

    Raises:
      UserError: a wrong flag, no data, or a run that cannot be resumed.
    """
    with interruption.deferred():
        _train(list(argv))


def _train(argv: list[str]) -> None:
    # Imported here, after the handlers are in place: these take seconds.
    from tfvse.experiment import parse_experiment, system_of
    from tfvse.parsing import is_help

    if any(map(is_help, argv)) and not system_of(argv):
        print(systems.listing())
        print("\ntfvse train --system=<name> --help lists the settings of one system")
        return
    config, run_dir = parse_experiment(argv)
    interruption.check()

    from tfvse import data
    from tfvse.systems import base
    from tfvse.training import distribution
    from tfvse.training.trainer import Trainer

    interruption.check()
    strategy = distribution.make_strategy(config.strategy)
    dataset = data.load_for(config)
    interruption.check()
    trainer = Trainer(config, dataset, run_dir, base.create, strategy)
    trainer.run()
    if trainer.chief:
        _finish(trainer)


def _finish(trainer: "Trainer") -> None:
    """Draws the samples and the curves of a complete run and prints the next command."""
    from tfvse.figures.curves import curves

    run_dir = trainer.run_dir
    step = trainer.state["step"]
    complete = f"training is complete at step {step}, the same command draws its images"
    interruption.check(complete)
    trainer.write_samples()
    interruption.check(complete)
    print(f"curves: {curves(run_dir)}")
    split = trainer.config.monitor_split
    print(f"next: tfvse evaluate --run_dir={run_dir} --split={split}")
