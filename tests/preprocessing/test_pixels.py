"""Images as pixels: what a crop is, and that nothing is read before it is asked for."""

import numpy as np
import pytest
import tensorflow as tf

from tfvse.encoders.image import create
from tfvse.preprocessing import pixels

# Every pixel of this image tells its place: red the row, green the column.
IMAGE = np.stack(
    [*np.meshgrid(np.arange(60), np.arange(80), indexing="ij"), np.zeros((60, 80))], -1
).astype(np.uint8)


def crop(*noise):
    found = pixels.crop_and_mirror(
        tf.constant(IMAGE), tf.constant([*noise, *[0.0] * (8 - len(noise))], tf.float32)
    )
    return found.numpy()


class Part:
    """Eight images of one colour each."""

    def __len__(self):
        return 8

    def batch(self, rows):
        def encode(row):
            return tf.io.encode_png(tf.fill([9, 9, 3], tf.cast(10 * row, tf.uint8)))

        return {"picture": tf.map_fn(encode, rows, fn_output_signature=tf.string)}


@pytest.fixture
def eight():
    return pixels.Pixels(Part(), create("random"))


@pytest.mark.parametrize(
    ("noise", "shape"),
    # 0.8 of either side; the whole; 0.8 of the height and, 3 / 4 as wide, 0.6 of the width; the
    # same the other way.
    [
        ((0.0, 0.5), (48, 64)),
        ((1.0, 0.5), (60, 80)),
        ((0.0, 0.0), (48, 48)),
        ((0.0, 1.0), (36, 64)),
    ],
)
def test_size_of_a_crop(noise, shape):
    assert crop(*noise).shape == (*shape, 3)


def test_a_crop_lies_anywhere_in_the_image():
    first, last = crop(0.0, 0.5, 0.0, 0.0), crop(0.0, 0.5, 0.999, 0.999)
    assert first[0, 0].tolist() == [0, 0, 0] and last[-1, -1].tolist() == [59, 79, 0]


def test_half_of_the_crops_are_mirrored():
    straight, mirrored = crop(0.3, 0.4, 0.5, 0.5, 0.49), crop(0.3, 0.4, 0.5, 0.5, 0.5)
    np.testing.assert_array_equal(mirrored, straight[:, ::-1])


def test_rows_are_read_like_an_array(eight):
    assert len(eight) == 8 and eight.shape == (8, 32, 32, 3)
    expected = np.array([20, 70]) / 127.5 - 1
    np.testing.assert_allclose(eight[np.array([2, 7])][:, 0, 0, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(eight[6:], eight[[6, 7]])


def test_augmented_rows_are_a_function_of_their_noise(eight):
    noise = tf.constant(np.random.default_rng(0).uniform(size=(2, 8)), tf.float32)
    found = eight.augmented(tf.constant([3, 1], tf.int64), noise)
    assert found.shape == (2, 32, 32, 3)
    np.testing.assert_allclose(found[:, 5, 5, 1], np.array([30, 10]) / 127.5 - 1, atol=1e-6)
