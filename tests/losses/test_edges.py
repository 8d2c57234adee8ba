"""Losses of edge detection, against numbers by hand and the gradient that the chapter gives."""

import numpy as np
import pytest
import tensorflow as tf

from tfvse.losses.edges import balanced_cross_entropy, relaxed_labels, weighted_cross_entropy

LOG2 = np.log(2)


def test_what_the_detector_finds_beyond_the_truth_is_ignored():
    # Truth:    edge  edge  none  none  ignored     Canny: fires at the 1st, 3rd and 5th.
    # Relaxed:  edge  edge  2     none  2
    edges = tf.constant([[[1, 1, 0, 0, 2]]], tf.uint8)
    labels = relaxed_labels(edges, tf.constant([[[1, 0, 1, 0, 1]]], tf.uint8))
    assert labels.dtype == tf.uint8 and labels.numpy().tolist() == [[[1, 1, 2, 0, 2]]]


def test_edges_weigh_alpha_and_ignored_pixels_nothing():
    # All logits are 0, so that each pixel costs log 2: 9 · 1 edge + 1 · 2 others, in either of two
    # images.
    labels = np.array([[[1, 0, 0, 2]]] * 2)
    assert float(weighted_cross_entropy(tf.zeros([2, 1, 4]), labels, 9.0, 1.0)) == pytest.approx(
        11 * LOG2
    )


@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_gradient_is_equation_3_5(label):
    logits = tf.constant([[[-3.0, -0.5, 0.0, 2.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = weighted_cross_entropy(logits, tf.fill([1, 1, 4], label), 9.0, 1.0)
    sigmoid = 1 / (1 + np.exp(-logits.numpy()))
    expected = {1: 9.0 * (sigmoid - 1), 0: sigmoid, 2: 0 * sigmoid}[label]
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-5)


def test_balanced_weights_are_counted_in_each_image():
    # First image: 1 edge, 3 others, β = 3/4: 1 · 3/4 + 3 · 1/4 = 3/2.
    # Second: 2, 2 and 2 · 1/2 + 2 · 1/2 = 2.
    labels = np.array([[[1, 0, 0, 0, 2]], [[1, 1, 0, 0, 2]]])
    assert float(balanced_cross_entropy(tf.zeros([2, 1, 5]), labels)) == pytest.approx(
        (1.5 + 2) / 2 * LOG2
    )


@pytest.mark.parametrize("label", [0, 1, 2])
def test_an_image_of_one_label_costs_nothing(label):
    assert float(balanced_cross_entropy(tf.ones([1, 2, 2]), np.full([1, 2, 2], label))) == 0.0


def test_extreme_logits_stay_finite():
    labels, logits = np.array([[[0, 1]]]), tf.constant([[[1e4, -1e4]]])
    assert float(weighted_cross_entropy(logits, labels, 9.0, 1.0)) == pytest.approx(1e5)
