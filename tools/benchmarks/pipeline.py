"""Does the input pipeline keep up with the step it feeds?"""

import itertools
import time

import tensorflow as tf
from benchmarks import timing

from tfvse import data, experiment
from tfvse.data import pipeline
from tfvse.systems import base

BATCHES = 20  # a turn: several, since the pipeline works ahead


def measure(flagfiles, rounds):
    """Returns (title, names, rows): ms a batch of the pipeline alone, and ms of the step alone on one batch."""
    rows = [_experiment(flagfile, rounds) for flagfile in flagfiles]
    return "Input pipeline", ("pipeline alone, a batch", "step alone"), rows


def _experiment(flagfile, rounds):
    config, _ = experiment.parse_experiment([f"--flagfile={flagfile}", "--run_dir=unused"])
    dataset = data.load(config)
    system = base.create(config, dataset)
    system.create_optimizers()
    system.stage = system.stages()[0]
    batches = iter(pipeline.batches(dataset.train_set(), config.batch_size, config.seed, 0))
    batch, step = next(batches), tf.function(system.train_step)

    def feed():
        for _ in itertools.islice(batches, BATCHES):
            pass

    def train():
        for _ in range(BATCHES):
            logs = step(batch)
        return logs["loss"].numpy()

    time.sleep(
        0.5
    )  # let the prefetched batches of the start fill up, as they would be during a step
    row = timing.paired(
        f"{config.system} on {config.data}, batch {config.batch_size}", feed, train, rounds
    )
    return timing.Row(row.what, row.ours / BATCHES, row.other / BATCHES, row.ratio)
