import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.layers.disout import Disout

MAPS = np.random.default_rng(0).gamma(2.0, size=(3, 20, 20, 8)).astype("float32") * [
    [[[1]]],
    [[[5]]],
    [[[50]]],
]


@pytest.mark.parametrize("layer, training", [(Disout(0.5), False), (Disout(0.0), True)])
def test_it_does_nothing_at_inference_and_at_rate_zero(layer, training):
    np.testing.assert_array_equal(layer(MAPS, training=training), MAPS.astype("float32"))


def test_it_replaces_the_given_share():
    changed = np.asarray(Disout(0.3, seed=1)(MAPS, training=True)) != MAPS.astype("float32")
    assert changed.mean() == pytest.approx(0.3, abs=0.01)
    assert changed[0].any(-1).mean() == pytest.approx(
        1 - 0.7**8, abs=0.03
    )  # elements, not whole pixels


def test_the_new_values_have_the_mean_and_deviation_of_their_example():
    found = np.asarray(Disout(0.5, seed=1)(MAPS, training=True))
    for before, after in zip(MAPS, found, strict=True):
        new = after[after != before.astype("float32")]
        mean, deviation = before.mean(), before.std()
        np.testing.assert_allclose([new.mean(), new.std()], [mean, deviation], atol=0.1 * deviation)
        assert np.abs(new - mean).max() <= 3**0.5 * deviation * 1.001  # uniform, not Gaussian


def test_replaced_elements_carry_no_gradient():
    layer, features = Disout(0.5, seed=1), tf.constant(MAPS[:, 0, 0], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(features)
        found = layer(features, training=True)
    np.testing.assert_array_equal(
        tape.gradient(found, features), (found.numpy() == features.numpy()).astype("float32")
    )


def test_the_same_seed_draws_the_same():
    first, again, other = (np.asarray(Disout(0.5, seed=s)(MAPS, training=True)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    layer = Disout(0.5, seed=1)
    assert (np.asarray(layer(MAPS, training=True)) != np.asarray(layer(MAPS, training=True))).any()


def test_float16_does_not_overflow():
    found = Disout(0.5, seed=1, dtype="mixed_float16")(
        (MAPS * 100).astype("float16"), training=True
    )
    assert found.dtype == "float16" and np.isfinite(np.asarray(found)).all()


def test_it_is_made_from_its_config():
    again = Disout.from_config(Disout(0.4, seed=3).get_config())
    assert (again.rate, again.seed) == (0.4, 3) and isinstance(again, keras.layers.Layer)
