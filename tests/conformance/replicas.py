"""Trains systems for a few steps on one device, on two replicas, or as one of two workers.

`python -m tests.conformance.replicas <folder> <jobs>` reads system → flags of training from the
JSON file `jobs`. It writes the networks' weights into `<folder>/<system>`: `initial.npz`,
`single.npz` and `mirrored.npz`, or with TF_CONFIG in the environment `worker<i>.npz`. It is a
script of its own, because the number of CPU devices and the cluster must be set before TensorFlow
starts.
"""

import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tests.conformance import experiments
from tfvse import data
from tfvse.experiment import parse_experiment
from tfvse.training import distribution
from tfvse.training.trainer import Trainer

Jobs = Mapping[str, Sequence[str]]


def train(folder: pathlib.Path, name: str, devices: tf.distribute.Strategy, jobs: Jobs) -> None:
    """Trains every system under a strategy and writes its weights before and after."""
    for system, flags in jobs.items():
        place = folder / system
        config, run_dir = parse_experiment([*flags, f"--run_dir={place / name}"])
        dataset = data.load_for(config)
        trainer = Trainer(config, dataset, run_dir, experiments.create_with_sgd, devices)
        np.savez(place / "initial.npz", **experiments.weights(trainer.system))
        np.savez(place / f"{name}.npz", **experiments.weights(trainer.run()))


def main(folder: str, jobs_file: str) -> None:
    """Trains as the worker that TF_CONFIG names, or on one and on two devices."""
    place = pathlib.Path(folder)
    jobs = json.loads(pathlib.Path(jobs_file).read_text())
    if "TF_CONFIG" in os.environ:
        worker = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
        train(place, f"worker{worker}", distribution.make_strategy("multi_worker"), jobs)
        return

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for strategy in ("single", "mirrored"):
        train(place, strategy, distribution.make_strategy(strategy), jobs)


if __name__ == "__main__":
    main(*sys.argv[1:])
