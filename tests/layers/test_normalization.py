import keras
import numpy as np
import pytest

from tfvse.layers.normalization import batch_normalization, instance_normalization


def _images(seed=0, shape=(2, 5, 4, 3)):
    return np.random.default_rng(seed).normal(3.0, 2.0, size=shape).astype("float32")


def test_each_channel_of_each_image_is_normalised_alone():
    images = _images()
    mean = images.mean(axis=(1, 2), keepdims=True)
    expected = (images - mean) / np.sqrt(images.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(instance_normalization()(images), expected, atol=1e-5)


def test_a_neighbour_in_the_batch_changes_nothing():
    images = _images()
    layer = instance_normalization()
    np.testing.assert_allclose(layer(images)[:1], layer(images[:1]), atol=1e-6)


def test_contrast_and_brightness_do_not_matter():
    images = _images()
    layer = instance_normalization()
    np.testing.assert_allclose(layer(5 * images - 7), layer(images), atol=1e-4)


@pytest.mark.parametrize("affine, weights", [(False, 0), (True, 2)])
def test_affine_adds_a_scale_and_an_offset(affine, weights):
    layer = instance_normalization(affine)
    layer.build((None, None, None, 3))
    assert len(layer.weights) == weights


def test_a_channel_of_one_value_becomes_zero():
    np.testing.assert_allclose(
        instance_normalization()(np.full((1, 4, 4, 2), 9.0, "float32")), 0, atol=1e-4
    )


def test_float16_images_are_normalised_in_float32():
    # 2000² overflows float16 (largest number 65504), so a variance in float16 would be infinite.
    images = 1000 * _images()
    layer = instance_normalization(dtype=keras.DTypePolicy("mixed_float16"))
    normalised = np.asarray(layer(images.astype("float16")))
    assert normalised.dtype == np.float16
    np.testing.assert_allclose(normalised, instance_normalization()(images), atol=5e-3)


def test_batch_normalisation_uses_the_batch_in_training_and_its_running_mean_afterwards():
    layer = batch_normalization(momentum=0.5, epsilon=0.0)
    batch = np.array([[1.0, 4.0], [3.0, 8.0]], "float32")
    np.testing.assert_allclose(layer(batch, training=True), [[-1, -1], [1, 1]], atol=1e-5)
    # From mean 0 and variance 1, half of the way to mean (2, 6) and variance (1, 4).
    np.testing.assert_allclose(layer(batch), (batch - [1, 3]) / np.sqrt([1, 2.5]), rtol=1e-5)
