import numpy as np
import pytest
from keras import ops

from tfvse.losses import triplet

LINE = np.array([[0.0], [1.0], [3.0], [7.0]], "float32")  # distances 1, 3, 7, 2, 6, 4
LABELS = np.array([0, 0, 1, 1])


def test_distances_by_hand():
    found = ops.convert_to_numpy(triplet.euclidean_distances(ops.array(LINE)))
    np.testing.assert_allclose(found, np.abs(LINE - LINE.T), atol=1e-5)
    squared = ops.convert_to_numpy(triplet.euclidean_distances(ops.array(LINE), squared=True))
    np.testing.assert_allclose(squared, np.abs(LINE - LINE.T) ** 2, atol=1e-4)
    angles = ops.convert_to_numpy(
        triplet.cosine_distances(ops.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]]))
    )
    np.testing.assert_allclose(angles, [[0, 1, 2], [1, 0, 1], [2, 1, 0]], atol=1e-6)


def test_triplet_hard_loss_by_hand():
    # anchors at 0, 1, 3, 7: positive 1, 1, 4, 4; nearest negative 3, 2, 2, 6;
    # + margin 1 → 0, 0, 3, 0
    distances = triplet.euclidean_distances(ops.array(LINE))
    found = triplet.triplet_hard_loss(distances, ops.array(LABELS), margin=1.0)
    np.testing.assert_allclose(ops.convert_to_numpy(found), [0, 0, 3, 0], atol=1e-5)
    soft = triplet.triplet_hard_loss(distances, ops.array(LABELS), soft=True)
    expected = np.log1p(np.exp([-2.0, -1.0, 2.0, -2.0]))
    np.testing.assert_allclose(ops.convert_to_numpy(soft), expected, atol=1e-5)


def test_triplet_semi_hard_loss_by_hand():
    # margin 3.  0→1 (1): nearest farther negative 3 → 1.   1→0 (1): 2 → 2.
    # 3→7 (4): negatives 3, 2, none farther: the farthest, 3 → 4.   7→3 (4): negatives 7, 6 → 6 → 1.
    distances = triplet.euclidean_distances(ops.array(LINE))
    found = triplet.triplet_semi_hard_loss(distances, ops.array(LABELS), margin=3.0)
    expected = np.zeros((4, 4))
    expected[0, 1], expected[1, 0], expected[2, 3], expected[3, 2] = 1, 2, 4, 1
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-5)


def test_triplet_losses_have_finite_gradients_on_equal_points():
    tf = pytest.importorskip("tensorflow")
    points = tf.ones((4, 3))
    with tf.GradientTape() as tape:
        tape.watch(points)
        distances = triplet.euclidean_distances(points)
        loss = ops.sum(triplet.triplet_hard_loss(distances, ops.array(LABELS))) + ops.sum(
            triplet.triplet_semi_hard_loss(distances, ops.array(LABELS))
        )
    assert np.isfinite(tape.gradient(loss, points).numpy()).all()
