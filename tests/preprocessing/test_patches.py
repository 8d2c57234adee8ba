"""Images and label maps stay together when they are squeezed, cut and mirrored."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfvse.preprocessing.patches import random_patch, squeeze

sides = st.integers(1, 40)


def place_map(height, width):
    """An image whose red and green are row and column, and a map of the same numbers."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, 0 * rows], -1).astype("float32"), np.stack(
        [rows, columns], -1
    ).astype("uint8")


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 30),
    st.lists(st.floats(0, 0.999), min_size=3, max_size=3),
)
def test_every_pixel_keeps_its_label(height, width, size, noise):
    image, maps = random_patch(
        *map(tf.constant, place_map(height, width)), size, 255, tf.constant(noise)
    )
    assert image.shape == (size, size, 3) and maps.shape == (size, size, 2)
    inside = maps.numpy()[..., 0] != 255
    assert inside.sum() == min(height, size) * min(width, size)
    np.testing.assert_allclose(image.numpy()[inside][:, :2], maps.numpy()[inside], atol=1e-3)


def test_half_of_the_patches_are_mirrored():
    image, maps = map(tf.constant, place_map(4, 4))
    same, mirrored = (
        random_patch(image, maps, 4, 255, tf.constant([0.0, 0.0, n]))[1].numpy() for n in (0.4, 0.6)
    )
    assert (mirrored == same[:, ::-1]).all() and (same == maps.numpy()).all()


@pytest.mark.parametrize("size", [2, 9])
def test_squeezing_keeps_labels_whole(size):
    image, maps = squeeze(*map(tf.constant, place_map(4, 7)), size)
    assert image.shape == (size, size, 3) and maps.dtype == tf.uint8
    assert set(np.unique(maps.numpy()[..., 1])) <= set(range(7))
