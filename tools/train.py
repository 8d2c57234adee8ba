"""Trains one experiment: `python tools/train.py --flagfile=configs/<system>/<data set>.cfg --run_dir=runs/<name>`.

Killed at any moment, the same command goes on from the last checkpoint and ends with the same weights. Ctrl-C and
SIGTERM write a checkpoint after the step that runs; a second Ctrl-C ends without one.
"""

from tfvse import errors, interruption


def main(argv):
    with interruption.deferred():
        _train(argv)


def _train(argv):
    # Imported here, after the handlers are in place: these take seconds.
    from tfvse.config import parse_experiment

    config, run_dir = parse_experiment(argv)
    interruption.check()

    from tfvse import data
    from tfvse.evaluation import pictures
    from tfvse.systems import base
    from tfvse.training import distribution
    from tfvse.training.trainer import Trainer

    interruption.check()
    strategy = distribution.make_strategy(config.strategy)
    dataset = data.load(config)
    interruption.check()
    trainer = Trainer(config, dataset, run_dir, base.create, strategy)
    trainer.run()

    if trainer.chief:
        complete = f"training is complete at step {trainer.state['step']}, the same command draws its images"
        interruption.check(complete)
        trainer.write_samples()
        interruption.check(complete)
        print(f"curves: {pictures.curves(run_dir)}")
        print(f"next: python tools/evaluate.py --run_dir={run_dir} --split={config.monitor_split}")


if __name__ == "__main__":
    errors.run(main)
