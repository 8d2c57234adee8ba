import numpy as np
import pytest
import tensorflow as tf

from tests.data import making
from tfvse.data import pipeline
from tfvse.preprocessing.views import Framing


def cut(framing, images, *noise):
    return framing.random(
        tf.constant(images), tf.constant([noise] * len(images), tf.float32)
    ).numpy()


def padded(size):
    return Framing((size, size), (size, size), padding=4)


def test_a_random_part_of_a_padded_image_by_hand():
    image = np.arange(5 * 5 * 3, dtype=np.float32).reshape(1, 5, 5, 3)
    # 0.5 · 9 = 4.5 → start 4, the image's own corner; 0.4: not mirrored.
    np.testing.assert_allclose(cut(padded(5), image, 0.5, 0.5, 0.4), image, atol=1e-4)
    np.testing.assert_allclose(cut(padded(5), image, 0.5, 0.5, 0.6), image[:, :, ::-1], atol=1e-4)
    # 0.99 · 9 = 8.91 → start 8: four rows further down in the padded image; the mean, 37, comes in
    # below.
    moved = cut(padded(5), image, 0.99, 0.5, 0.4)
    np.testing.assert_allclose(moved[0, 0], image[0, 4], atol=1e-4)
    np.testing.assert_allclose(moved[0, 1:], 37, atol=1e-4)


def test_a_random_part_of_a_larger_image_by_hand():
    image = np.arange(4 * 5 * 3, dtype=np.float32).reshape(1, 4, 5, 3)
    # Three by two of four by five: 2 starts of rows, 4 of columns.
    # 0.6 · 2 = 1.2 → 1; 0.6 · 4 = 2.4 → 2.
    np.testing.assert_array_equal(
        cut(Framing((4, 5), (3, 2)), image, 0.6, 0.6, 0.0), image[:, 1:4, 2:4]
    )
    np.testing.assert_array_equal(
        cut(Framing((4, 5), (3, 2)), image, 0.6, 0.6, 0.9), image[:, 1:4, 3:1:-1]
    )


def test_the_border_vanishes_under_contrast_normalisation():
    image = np.random.default_rng(0).uniform(0, 255, (1, 6, 6, 3)).astype(np.float32)
    moved = cut(padded(6), image, 0.0, 0.5, 0.0)
    np.testing.assert_allclose(moved[0, :4].mean(), image.mean(), rtol=1e-5)


def test_every_shift_is_possible():
    images = np.zeros((500, 4, 4, 3), np.float32)
    images[:, 0, 0] = 160
    found = (
        padded(4)
        .random(tf.constant(images), tf.constant(pipeline.noise(0, 0, 500)))
        .numpy()[..., 0]
        > 50
    )
    assert found.any(0).all()  # the bright corner has been everywhere


def test_the_central_part():
    image = np.arange(6 * 6 * 3, dtype=np.float32).reshape(6, 6, 3)
    np.testing.assert_array_equal(Framing((6, 6), (4, 2)).central(image), image[1:5, 2:4])
    np.testing.assert_array_equal(Framing((6, 6), (4, 2)).central(image[None])[0], image[1:5, 2:4])


def test_files_and_pixels_look_the_same():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    framing = Framing((6, 6), (6, 6))
    np.testing.assert_array_equal(
        framing.decode(tf.constant(making.png(pixels))), framing.scale(pixels)
    )
    assert framing.scale(pixels).shape == (6, 6, 3)


@pytest.mark.parametrize(
    ("framing", "words"),
    [(padded(8), "one, whole image"), (Framing((8, 8), (6, 6)), "one, central 6 x 6 of 8 x 8")],
)
def test_description(framing, words):
    assert framing.description == words
