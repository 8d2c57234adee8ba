"""Signatures in chunks: the same values, and memory that does not grow with the batch."""

import numpy as np
import pytest
import tensorflow as tf

from tfvse.export import graph, saved_model
from tfvse.systems.base import Signature

SEEN = []


def doubled(x, by):
    SEEN.append(x.shape)
    tf.debugging.assert_less_equal(tf.shape(x)[0], graph.CHUNK)
    return {"y": by * x, "name": tf.strings.as_string(x)}


@pytest.fixture(scope="module")
def traced():
    inputs = {"x": ("float32", (None,)), "by": ("float32", ())}
    return saved_model.trace(Signature(doubled, inputs, {}))


@pytest.mark.parametrize("count", [0, 1, 32, 33, 64, 100])
def test_a_batch_of_any_length_gives_a_row_for_each(traced, count):
    found = traced(x=tf.range(count, dtype=tf.float32), by=tf.constant(2.0))
    np.testing.assert_array_equal(found["y"], 2 * np.arange(count))
    assert found["name"].shape == (count,)


def test_a_function_is_traced_once(traced):
    assert SEEN == [(None,)]


def test_inputs_of_different_lengths_are_refused():
    inputs = {"a": ("float32", (None,)), "b": ("float32", (None,))}
    added = saved_model.trace(Signature(lambda a, b: {"sum": a + b}, inputs, {}))
    with pytest.raises(tf.errors.InvalidArgumentError, match="different numbers"):
        added(a=tf.zeros([33]), b=tf.zeros([32]))
