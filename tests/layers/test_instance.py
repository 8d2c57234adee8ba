import keras
import numpy as np
from keras import ops

from tfvse.layers.instance import InstanceClassifier

EMBEDDINGS, LABELS = (
    np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
    np.array([5, 1, 5]),
)


def losses(layer):
    return ops.convert_to_numpy(layer([EMBEDDINGS, LABELS, LABELS]))


def test_a_classifier_that_samples_all_classes_is_the_full_one():
    full, sampling = InstanceClassifier(8), InstanceClassifier(8, sampled=8)
    losses(full), losses(sampling)
    sampling.set_weights(full.get_weights())
    np.testing.assert_allclose(losses(sampling), losses(full), rtol=1e-5)


def test_every_call_draws_other_classes_from_a_state_that_can_be_kept():
    layer = InstanceClassifier(1000, sampled=5)
    losses(layer)
    seed = layer.seed_generator.state
    before = seed.numpy()
    first, second = losses(layer), losses(layer)
    assert not np.array_equal(first, second)
    seed.assign(before)
    np.testing.assert_array_equal(losses(layer), first)


def test_the_weights_stay_in_float32_in_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = InstanceClassifier(8)
    finally:
        keras.config.set_dtype_policy("float32")
    assert losses(layer).dtype == np.float32 and layer.compute_dtype == "float32"
