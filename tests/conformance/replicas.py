"""Trains a system for a few steps on one device, on two replicas or as one of two workers; a script of its own.

`python -m tests.conformance.replicas <folder> <flags of tools/train.py>` writes the networks' weights into the folder:
`initial.npz`, `single.npz` and `mirrored.npz`, or with TF_CONFIG in the environment `worker<i>.npz`. The number of CPU
devices and the cluster must be set before TensorFlow starts, hence a process of its own.
"""

import json
import os
import pathlib
import sys

import numpy as np
import tensorflow as tf

from tests.conformance import experiments
from tfvse import data, experiment
from tfvse.training import distribution
from tfvse.training.trainer import Trainer


def train(folder, name, strategy, flags):
    config, run_dir = experiment.parse_experiment(
        [*flags, f"--strategy={strategy}", f"--run_dir={folder / name}"]
    )
    devices = distribution.make_strategy(strategy)
    trainer = Trainer(config, data.load(config), run_dir, experiments.create_with_sgd, devices)
    np.savez(folder / "initial.npz", **experiments.weights(trainer.system))
    np.savez(folder / f"{name}.npz", **experiments.weights(trainer.run()))


def main(folder, *flags):
    folder = pathlib.Path(folder)
    if "TF_CONFIG" in os.environ:
        worker = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
        train(folder, f"worker{worker}", "multi_worker", flags)
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    train(folder, "single", "single", flags)
    train(folder, "mirrored", "mirrored", flags)


if __name__ == "__main__":
    main(*sys.argv[1:])
