"""Trains a system for a few steps on one device, on two replicas, or as one of two workers.

`python -m tests.conformance.replicas <folder> <flags of tools/train.py>` writes the networks'
weights into the folder: `initial.npz`, `single.npz` and `mirrored.npz`, or with TF_CONFIG in the
environment `worker<i>.npz`. It is a script of its own, because the number of CPU devices and the
cluster must be set before TensorFlow starts.
"""

import json
import os
import pathlib
import sys
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tests.conformance import experiments
from tfvse import data
from tfvse.experiment import parse_experiment
from tfvse.training import distribution
from tfvse.training.trainer import Trainer


def train(folder: pathlib.Path, name: str, strategy: str, flags: Sequence[str]) -> None:
    """Trains under a strategy and writes the weights before and after."""
    config, run_dir = parse_experiment(
        [*flags, f"--strategy={strategy}", f"--run_dir={folder / name}"]
    )
    devices = distribution.make_strategy(strategy)
    trainer = Trainer(config, data.load_for(config), run_dir, experiments.create_with_sgd, devices)
    np.savez(folder / "initial.npz", **experiments.weights(trainer.system))
    np.savez(folder / f"{name}.npz", **experiments.weights(trainer.run()))


def main(folder: str, *flags: str) -> None:
    """Trains as the worker that TF_CONFIG names, or on one and on two devices."""
    if "TF_CONFIG" in os.environ:
        worker = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
        train(pathlib.Path(folder), f"worker{worker}", "multi_worker", flags)
        return

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    train(pathlib.Path(folder), "single", "single", flags)
    train(pathlib.Path(folder), "mirrored", "mirrored", flags)


if __name__ == "__main__":
    main(*sys.argv[1:])
