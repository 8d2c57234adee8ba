"""The smallest system there is: a line with dropout, fitted to points."""

import dataclasses
import types

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.data.pipeline import TrainSet
from tfvse.systems.base import System
from tfvse.training.recipe import Optimizer, Stage


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """A line."""

    learning_rate: float = setting(0.02, "initial learning rate")
    dropout: float = setting(0.0, "dropout ratio")
    optimizer: str = setting("sgd", "optimizer")
    schedule: str = setting("constant", "schedule")
    weight_decay: float = setting(0.0, "L2")


class Points:
    """y = x · (1, 2, 3) on twenty points."""

    checksum = "points"

    def __init__(self, scale=1.0):
        self.x = scale * np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
        self.y = self.x @ np.array([[1.0], [2.0], [3.0]], np.float32)
        self.element_spec = {"x": tf.TensorSpec([None, 3]), "y": tf.TensorSpec([None, 1])}

    def train_set(self):
        def fetch(rows, _):
            return {
                "x": tf.gather(self.x, rows[:, 0]),
                "y": tf.gather(self.y, rows[:, 0]),
            }

        return TrainSet((20,), fetch, self.element_spec)


class Line(System):
    """Least squares in two stages; the second one trains the bias alone."""

    Config = Config
    monitor = "-error"

    def build(self, data):
        slope = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dropout(self.config.dropout),
                keras.layers.Dense(1, use_bias=False),
            ]
        )
        bias = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")]
        )
        self.networks = {"slope": slope, "bias": bias}

    def stages(self):
        config = self.config
        optimizer = Optimizer(
            config.optimizer,
            config.learning_rate,
            0.9,
            weight_decay=config.weight_decay,
            schedule=config.schedule,
            patience=1,
        )
        return (
            Stage(
                "slope",
                {"main": ("slope",)},
                {"main": optimizer},
                steps=config.steps,
                epochs=config.epochs,
            ),
            Stage(
                "bias",
                {"main": ("bias",)},
                {"main": optimizer},
                steps=config.steps,
                epochs=config.epochs,
            ),
        )

    def losses(self, batch):
        output = self.networks["bias"](self.networks["slope"](batch["x"], training=True))
        return {"squared": ops.mean((ops.cast(output, "float32") - batch["y"]) ** 2)}, {}

    def evaluate(self, data, split, work_dir=None):
        error = float(np.mean((self.networks["slope"].predict_on_batch(data.x) - data.y) ** 2))
        return types.SimpleNamespace(metrics={"error": error})


def weights(system):
    """Every weight of the system's networks as one byte string."""
    return b"".join(
        v.numpy().tobytes() for network in system.networks.values() for v in network.variables
    )
