"""Our instance normalisation and triplet losses against the answers of tensorflow-addons.

make_addons_golden.py made the answers. "norm/pictures" is the stored name of the images.
"""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tfvse.layers.normalization import instance_normalization
from tfvse.losses import triplet

GOLDEN = dict(np.load(pathlib.Path(__file__).with_name("addons.npz"), allow_pickle=False))
CASES = sorted(key for key in GOLDEN if key.startswith("triplet/") and key.count("/") == 3)
DISTANCES = {
    "l2": triplet.euclidean_distances,
    "squared_l2": lambda embeddings: triplet.euclidean_distances(embeddings, squared=True),
    "angular": triplet.cosine_distances,
}


def triplet_loss(name, distances, labels, margin):
    """The reduction that the addons apply to our unreduced losses."""
    if name == "semi_hard":
        pairs = tf.reduce_sum(tf.cast(triplet.positive_pairs(labels), tf.float32))
        return tf.reduce_sum(triplet.triplet_semi_hard_loss(distances, labels, margin)) / pairs
    return tf.reduce_mean(triplet.triplet_hard_loss(distances, labels, margin, soft=name == "soft"))


def test_every_loss_distance_and_margin_is_there():
    assert len(CASES) == 3 * 3 * 2


@pytest.mark.parametrize("case", CASES)
def test_triplet_losses_and_their_gradients_agree(case):
    _, name, distance, margin = case.split("/")
    labels = tf.constant(GOLDEN["triplet/labels"])
    embeddings = tf.constant(GOLDEN["triplet/embeddings"])
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        loss = triplet_loss(name, DISTANCES[distance](embeddings), labels, float(margin))
    np.testing.assert_allclose(loss, GOLDEN[case], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        tape.gradient(loss, embeddings), GOLDEN[f"{case}/gradient"], rtol=1e-4, atol=1e-5
    )


def test_instance_normalization_agrees():
    found = instance_normalization()(GOLDEN["norm/pictures"])
    np.testing.assert_allclose(found, GOLDEN["norm/plain"], rtol=1e-5, atol=1e-5)


def test_instance_normalization_with_scale_and_offset_agrees():
    layer = instance_normalization(affine=True)
    layer.build(GOLDEN["norm/pictures"].shape)
    layer.set_weights([GOLDEN["norm/scale"], GOLDEN["norm/offset"]])
    np.testing.assert_allclose(
        layer(GOLDEN["norm/pictures"]), GOLDEN["norm/affine"], rtol=1e-5, atol=1e-5
    )
