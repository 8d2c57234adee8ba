import numpy as np
import pytest
import tensorflow as tf

from tfvse.losses.segmentation import pixel_cross_entropy


def test_by_hand():
    # softmax(0, ln 3) = (1/4, 3/4): a pixel of class 0 costs ln 4, one of class 1 costs ln 4/3, a
    # void one nothing.
    logits = np.broadcast_to(np.array([0, np.log(3)], "float32"), (1, 1, 3, 2))
    losses = pixel_cross_entropy(logits, np.array([[[0, 1, 255]]], "uint8"))
    np.testing.assert_allclose(losses, [[[np.log(4), np.log(4 / 3), 0]]], rtol=1e-6)


def test_no_gradient_comes_from_void():
    logits = tf.constant(np.random.default_rng(0).normal(size=(1, 2, 2, 3)), tf.float32)
    labels = np.array([[[0, 255], [255, 2]]], "uint8")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(pixel_cross_entropy(logits, labels))
    gradients = tape.gradient(loss, logits).numpy()
    assert (gradients[labels == 255] == 0).all() and (gradients[labels != 255] != 0).all()


@pytest.mark.parametrize("scale", [1, 1e4])
def test_it_is_the_negative_logarithm_of_the_softmax(scale):
    rng = np.random.default_rng(1)
    logits, labels = (
        scale * rng.normal(size=(2, 3, 4, 5)).astype("float32"),
        rng.integers(0, 5, (2, 3, 4)),
    )
    shifted = logits.astype("float64") - logits.max(-1, keepdims=True)
    expected = (
        np.log(np.exp(shifted).sum(-1)) - np.take_along_axis(shifted, labels[..., None], -1)[..., 0]
    )
    np.testing.assert_allclose(pixel_cross_entropy(logits, labels), expected, rtol=1e-4, atol=1e-5)
