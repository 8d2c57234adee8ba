"""Trains one experiment: `python tools/train.py --flagfile=configs/<system>/<data set>.cfg --run_dir=runs/<name>`.

Killed at any moment, the same command goes on from the last checkpoint and ends with the same weights.
"""

from tfvse import errors
from tfvse.config import parse_experiment


def main(argv):
    config, run_dir = parse_experiment(argv)

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
        print(f"next: python tools/evaluate.py --run_dir={run_dir} --split={config.monitor_split}")


if __name__ == "__main__":
    errors.run(main)
