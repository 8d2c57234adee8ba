"""Bilinear resizing to any size."""

import numpy as np
import pytest
import tensorflow as tf

from tfvse.layers.upsampling import resize, upsample


@pytest.mark.parametrize("size", [(7, 11), (3, 2), (1, 1), (5, 4)])
def test_it_is_tensorflows_resize(size):
    maps = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    np.testing.assert_allclose(resize(maps, size), tf.image.resize(maps, size), atol=1e-6)


def test_two_pixels_become_four():
    # Centres of the new pixels lie at -¼, ¼, ¾ and 1¼ of the old ones; beyond the ends the end goes
    # on.
    np.testing.assert_allclose(
        resize(np.array([0.0, 4.0]).reshape(1, 1, 2, 1), (1, 4)).numpy().ravel(), [0, 1, 3, 4]
    )


def test_the_size_may_be_unknown_before_it_runs():
    function = tf.function(upsample, input_signature=[tf.TensorSpec([None, None, None, 1])] * 2)
    assert function(tf.ones([1, 2, 3, 1]), tf.ones([1, 8, 9, 1])).shape == (1, 8, 9, 1)
