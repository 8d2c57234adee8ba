"""Vectors and weights of words from the training texts, against NumPy."""

import numpy as np

from tfvse.encoders.word_statistics import SPREAD, latent_vectors, log_weights

# Words 2 and 3 stand in the texts of image 0, words 4 and 5 in those of images 1 and 2; 6 nowhere.
TOKENS = np.array([[2, 3, 0], [3, 2, 2], [4, 5, 1], [5, 4, 0]])
IMAGES = np.array([0, 0, 1, 2])


def test_words_of_the_same_images_are_alike_and_others_are_not():
    vectors = latent_vectors(TOKENS, IMAGES, rows=7, dim=2)
    unit = vectors[2:6] / np.linalg.norm(vectors[2:6], axis=1, keepdims=True)
    np.testing.assert_allclose(unit @ unit.T, np.kron(np.eye(2), np.ones([2, 2])), atol=1e-5)
    np.testing.assert_allclose(vectors[[0, 1, 6]], 0, atol=1e-12)


def test_it_is_the_singular_value_decomposition():
    counts = np.array([[3, 2, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], float)  # images x words 2 to 5
    idf = np.log(4 / (1 + np.array([1, 1, 2, 2])))
    _, values, words = np.linalg.svd(np.log1p(counts) * idf)
    expected = words[:2].T * np.sqrt(values[:2])
    found = latent_vectors(TOKENS, IMAGES, rows=6, dim=2)[2:]
    np.testing.assert_allclose(found.std(), SPREAD, rtol=1e-5)
    ratio = (found @ found.T)[0, 0] / (expected @ expected.T)[0, 0]
    np.testing.assert_allclose(found @ found.T, ratio * (expected @ expected.T), atol=1e-5)


def test_one_image_tells_no_word_from_another():
    assert not latent_vectors(TOKENS, np.zeros(4, int), rows=7, dim=2).any()


def test_more_numbers_than_words_leaves_zeros():
    vectors = latent_vectors(TOKENS, IMAGES, rows=7, dim=20)
    assert vectors.shape == (7, 20) and np.isfinite(vectors).all() and not vectors[:, 3:].any()


def test_frequent_words_weigh_less_and_unseen_ones_1():
    weights = np.exp(log_weights(TOKENS, 7)[:, 0])
    np.testing.assert_allclose(weights[[2, 6]], [0.001 / (0.001 + 3 / 10), 1], rtol=1e-5)
