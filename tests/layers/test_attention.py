import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.layers.attention import ContextAttention

HEADS, UNITS, TEMPERATURE, DIM = 2, 3, 0.5, 4
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)


@pytest.fixture
def layer():
    found = ContextAttention(HEADS, UNITS, TEMPERATURE)
    found.build([None, 5, DIM])
    return found


@pytest.fixture
def entities():
    return np.random.default_rng(0).normal(size=(3, 5, DIM)).astype(np.float32)


def by_loop(layer, entities):
    """Eq. 1 as it is printed, for one sample without padding [N, D]."""
    context, entity = (np.asarray(w).reshape(DIM, HEADS, UNITS) for w in layer.get_weights())
    heads = []
    for k in range(HEADS):
        mean = np.tanh(entities.mean(0) @ context[:, k])
        scores = np.exp([TEMPERATURE * mean @ np.tanh(v @ entity[:, k]) for v in entities])
        heads.append((scores / scores.sum()) @ entities)
    return np.concatenate(heads)


def test_equation_1(layer, entities):
    found = layer(entities, mask=MASK)
    assert found.shape == (3, HEADS * DIM)
    for row in (0, 1):
        np.testing.assert_allclose(
            found[row], by_loop(layer, entities[row][MASK[row]]), rtol=1e-5, atol=1e-6
        )


def test_what_is_masked_has_no_say(layer, entities):
    changed = np.where(MASK[..., None], entities, 99.0)
    np.testing.assert_array_equal(layer(changed, mask=MASK), layer(entities, mask=MASK))
    np.testing.assert_array_equal(layer(entities, mask=MASK)[2], np.zeros(HEADS * DIM))


def test_the_order_of_the_entities_does_not_matter(layer, entities):
    np.testing.assert_allclose(layer(entities[:, ::-1]), layer(entities), rtol=1e-5, atol=1e-6)


def test_without_temperature_it_is_the_mean(entities):
    found = ContextAttention(HEADS, UNITS, 0.0)(entities)
    np.testing.assert_allclose(found, np.tile(entities.mean(1), [1, HEADS]), rtol=1e-5, atol=1e-6)


def test_gradient_against_finite_differences(layer, entities):
    direction = np.random.default_rng(1).normal(size=layer.context.shape).astype(np.float32)

    def value(step):
        layer.context.assign(start + step * direction)
        return float(tf.reduce_sum(layer(entities, mask=MASK) ** 2))

    start = np.asarray(layer.context)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(entities, mask=MASK) ** 2)
    slope = np.vdot(tape.gradient(loss, layer.context.value), direction)
    assert slope == pytest.approx((value(1e-2) - value(-1e-2)) / 2e-2, rel=1e-2)


def test_it_is_saved_with_its_settings(layer, entities):
    inputs = keras.Input([5, DIM])
    model = keras.Model(inputs, layer(inputs))
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(entities), model(entities))
