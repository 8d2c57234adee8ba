"""Principal components of images' features."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfvse.encoders import components
from tfvse.errors import UserError

FEATURES = np.random.default_rng(0).gamma(2.0, size=[50, 6]).astype(np.float32)


def data():
    train = types.SimpleNamespace(image_features=lambda: FEATURES)
    spec = {"image": tf.TensorSpec([None, 6], tf.float32)}
    return types.SimpleNamespace(split=lambda name: train, element_spec=spec)


def test_components_are_uncorrelated_and_the_largest_come_first():
    found = components.create(4, data())(FEATURES).numpy()
    covariance = np.cov(found, rowvar=False, bias=True)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-5)
    assert (np.diff(np.diag(covariance)) <= 0).all()
    np.testing.assert_allclose([found.mean(), np.diag(covariance).mean()], [0, 1], atol=1e-5)


def test_all_components_keep_every_distance():
    found, roots = components.create(6, data())(FEATURES).numpy(), np.sqrt(FEATURES)
    distances = np.linalg.norm(found[1:] - found[0], axis=1) / np.linalg.norm(
        roots[1:] - roots[0], axis=1
    )
    np.testing.assert_allclose(distances, distances[0], rtol=1e-4)


def test_nothing_is_trained_and_0_leaves_the_features():
    assert not components.create(2, data()).trainable_variables
    np.testing.assert_array_equal(components.create(0, data())(FEATURES), FEATURES)


def test_more_components_than_numbers_is_told():
    with pytest.raises(UserError, match="--image_components=7"):
        components.create(7, data())
