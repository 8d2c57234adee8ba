"""Trains one experiment: `tfvse train --flagfile=<system>/<data set> --run_dir=runs/<name>`.

Killed at any moment, the same command resumes from the last checkpoint and ends with the same
weights.
"""

from collections.abc import Sequence

from tfvse import config as configs
from tfvse.commands import systems


def main(argv: Sequence[str]) -> None:
    """Trains the experiment and prints where to go on. Without a system, --help lists them.

    Raises:
      UserError: a wrong flag, no data, or a run that cannot go on.
    """
    words = list(argv)
    if configs.asks_for_help(words) and not configs.system_of(words):
        print(systems.listing())
        print("\ntfvse train --system=<name> --help lists the settings of one system")
        return
    config, run_dir = configs.parse_experiment(words)

    from tfvse import data
    from tfvse.figures.curves import curves
    from tfvse.systems import base
    from tfvse.training import distribution
    from tfvse.training.trainer import Trainer

    strategy = distribution.make_strategy(config.strategy)
    trainer = Trainer(config, data.load(config), run_dir, base.create, strategy)
    trainer.run()
    if trainer.chief:
        trainer.write_samples()
        print(f"curves: {curves(run_dir)}")
        print(f"next: tfvse evaluate --run_dir={run_dir} --split={config.monitor_split}")
