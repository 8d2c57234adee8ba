"""Does the input pipeline keep up with the step it feeds?"""

import itertools
import time
from collections.abc import Sequence

import tensorflow as tf

from benchmarks import timing
from tfvse import data
from tfvse.data import pipeline
from tfvse.experiment import parse_experiment
from tfvse.systems import base

BATCHES = 20  # in a turn: several, since the pipeline works ahead
FILL = 0.5  # seconds in which the prefetched batches fill up, as they would during a step


def measure(flagfiles: Sequence[str], rounds: int) -> timing.Section:
    """Time of a batch from the pipeline alone, and of the step alone on one batch."""
    names = ("pipeline alone, a batch", "step alone")
    rows = [_experiment(flagfile, rounds) for flagfile in flagfiles]
    return timing.Section("Input pipeline", names, rows)


def _experiment(flagfile: str, rounds: int) -> timing.Row:
    """Pipeline and step of one experiment."""
    config, _ = parse_experiment([f"--flagfile={flagfile}", "--run_dir=unused"])
    dataset = data.load_for(config)
    system = base.create(config, dataset)
    system.create_optimizers()
    system.stage = system.stages()[0]
    batches = iter(pipeline.batches(dataset.train_set(), config.batch_size, config.seed, 0))
    batch = next(batches)
    step = tf.function(system.train_step)

    def feed() -> None:
        """Takes batches and drops them."""
        for _ in itertools.islice(batches, BATCHES):
            pass

    def train() -> None:
        """Steps on one batch."""
        for _ in range(BATCHES):
            logs = step(batch)
        logs["loss"].numpy()

    time.sleep(FILL)
    what = f"{config.system} on {config.data}, batch {config.batch_size}"
    row = timing.paired(what, feed, train, rounds)
    return timing.Row(what, row.ours / BATCHES, row.other / BATCHES, row.ratio)
