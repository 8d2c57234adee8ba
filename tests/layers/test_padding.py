import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfvse.layers.padding import ReflectionPadding2D, mirrored_indices, pad_to_multiple


@pytest.mark.parametrize("padding, height, width", [(0, 3, 4), (1, 2, 5), (3, 4, 7)])
def test_reflection_padding_is_numpys_reflect(padding, height, width):
    images = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    both = (padding, padding)
    expected = np.pad(images, ((0, 0), both, both, (0, 0)), mode="reflect")
    layer = ReflectionPadding2D(padding)
    np.testing.assert_array_equal(layer(images), expected)
    assert layer.compute_output_shape(images.shape) == expected.shape


def test_gradient_counts_how_often_a_pixel_is_shown():
    # One row a b c becomes b a b c b: a and c are shown once, b three times; the mirrored rows
    # repeat that.
    images = tf.ones((1, 3, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(ReflectionPadding2D(1)(images))
    np.testing.assert_array_equal(
        tape.gradient(total, images)[0, :, :, 0], [[1, 3, 1], [3, 9, 3], [1, 3, 1]]
    )


def test_one_graph_pads_every_size():
    layer = ReflectionPadding2D(2)
    padded = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 3))])
    for height, width in ((3, 8), (10, 5)):
        assert padded(tf.zeros((1, height, width, 3))).shape == (1, height + 4, width + 4, 3)


def test_symbolic_sizes_stay_open():
    assert ReflectionPadding2D(1)(keras.Input((None, 8, 3))).shape == (None, None, 10, 3)


def test_layer_is_rebuilt_from_its_config():
    layer = ReflectionPadding2D(3, name="pad")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (again.padding, again.name) == (3, "pad")


def test_negative_padding_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        ReflectionPadding2D(-1)


@pytest.mark.parametrize(
    "size, expected", [(1, [0, 0, 0, 0, 0]), (2, [0, 1, 0, 1, 0]), (3, [0, 1, 2, 1, 0])]
)
def test_mirrored_indices(size, expected):
    np.testing.assert_array_equal(mirrored_indices(size, 5), expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**16))
def test_pad_to_multiple_keeps_the_image_and_mirrors_the_rest(height, width, seed):
    images = np.random.default_rng(seed).normal(size=(1, height, width, 2)).astype("float32")
    padded = pad_to_multiple(images, 4, 8).numpy()
    assert padded.shape[1] % 4 == padded.shape[2] % 4 == 0 and min(padded.shape[1:3]) >= 8
    after = [(0, 0), (0, padded.shape[1] - height), (0, padded.shape[2] - width), (0, 0)]
    np.testing.assert_array_equal(padded, np.pad(images, after, mode="reflect"))


def test_pad_to_multiple_in_a_graph_with_open_sizes():
    pad = tf.function(
        lambda x: pad_to_multiple(x, 4, 16), input_signature=[tf.TensorSpec((1, None, None, 3))]
    )
    assert pad(tf.zeros((1, 17, 5, 3))).shape == (1, 20, 16, 3)
