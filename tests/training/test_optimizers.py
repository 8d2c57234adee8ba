"""One update: roles that share a gradient, loss scales, the rows of an embedding."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.config import RunConfig
from tfvse.layers.fusion import GridFusion
from tfvse.systems.base import System
from tfvse.training import optimizers
from tfvse.training.learning_rate import LearningRate
from tfvse.training.recipe import Optimizer, Stage

WORDS = tf.constant([1, 3, 3])


class Table(System):
    """The sum of some rows of a table, and of a second network's number three times over."""

    roles = {"main": Optimizer("sgd", 0.5), "scale": Optimizer("sgd", 0.1)}

    def build(self, data):
        number = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        self.networks = {
            "rows": keras.Sequential([keras.Input((), dtype="int32"), keras.layers.Embedding(5, 2)])
        }
        self.networks["number"] = number

    def stages(self):
        trains = {"main": ("rows",), "scale": ("number",)}
        return (Stage("one", trains, self.roles, {"number": 3.0}, steps=1),)

    def losses(self, batch):
        losses = {
            "rows": keras.ops.sum(self.networks["rows"](batch)),
            "number": keras.ops.sum(self.networks["number"](tf.ones([1, 1]))),
        }
        return losses, {}


def table(roles=Table.roles, precision="float32"):
    found = Table(RunConfig(system="table", data="none", steps=1, precision=precision))
    found.roles = roles
    found.build(types.SimpleNamespace())
    found.create_optimizers()
    found.stage = found.stages()[0]
    return found


def change(found, calls=1):
    """What one or more steps add to the table [5, 2] and to the number."""
    before = [network.get_weights()[0] for network in found.networks.values()]
    step = tf.function(found.train_step)
    for _ in range(calls):
        step(WORDS)
    after = [network.get_weights()[0] for network in found.networks.values()]
    rows, number = (b - a for a, b in zip(before, after, strict=True))
    return rows, number.item()


# Row 1 is in the sum once, row 3 twice: gradients 1 and 2, rate 0.5.
# The number has the weight 3, rate 0.1.
ROWS = np.array([[0, 0], [-0.5, -0.5], [0, 0], [-1, -1], [0, 0]])


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_two_roles_each_with_its_rate(precision):
    rows, number = change(table(precision=precision))
    np.testing.assert_allclose(rows, ROWS, atol=1e-6)
    assert number == pytest.approx(-0.3, abs=1e-6)


def test_roles_whose_loss_scales_have_parted():
    found = table(precision="mixed_float16")
    found.optimizers["one", "scale"].dynamic_scale.assign(4.0)
    assert change(found)[1] == pytest.approx(-0.3, abs=1e-6)


def test_a_dense_gradient_gives_the_same_as_the_rows_that_are_not_zero():
    momentum = {"main": Optimizer("sgd", 0.5, momentum=1e-9), "scale": Optimizer("sgd", 0.1)}
    np.testing.assert_allclose(change(table(momentum))[0], change(table())[0], atol=1e-6)


def test_nesterov_looks_ahead():
    # v₁ = -0.1 · 3, step 0.9 v₁ - 0.3 = -0.57.
    # v₂ = 0.9 v₁ - 0.3 = -0.57, step 0.9 v₂ - 0.3 = -0.813.
    nesterov = {
        "main": Optimizer("sgd", 0.5),
        "scale": Optimizer("sgd", 0.1, momentum=0.9, nesterov=True),
    }
    assert change(table(nesterov), calls=2)[1] == pytest.approx(-0.57 - 0.813, abs=1e-5)


def test_a_role_alone_leaves_the_other_as_it_is():
    found = table()
    before = found.networks["number"].get_weights()[0]
    found.minimize("main", lambda: found.losses(WORDS))
    np.testing.assert_array_equal(found.networks["number"].get_weights()[0], before)


def test_a_bias_of_any_rank_is_not_decayed():
    layer = GridFusion(activation="linear")
    layer.build([(None, 2, 2, 3), (None, 2, 2, 3)])
    layer.bias.assign(np.ones(layer.bias.shape))
    settings = Optimizer("sgd", 0.1, weight_decay=2.0)
    # The kernel [2, 2, 3, 2] holds 24 times 1/2: half of 2 · 24 · 1/4.
    penalty = optimizers._l2_penalty(settings, layer.trainable_variables)
    assert float(penalty) == pytest.approx(6.0)


def test_the_rate_falls_at_fractions_of_a_stage_and_at_steps():
    settings = Optimizer("sgd", 1.0, schedule="step", drops=(0.5, 80))
    rate = LearningRate(settings, stage_steps=100)
    assert [rate.at(step) for step in (49, 50, 79, 80)] == pytest.approx([1, 0.1, 0.1, 0.01])
