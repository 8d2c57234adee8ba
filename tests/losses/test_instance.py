import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tfvse.losses.instance import instance_loss, sampled_instance_loss

EMBEDDINGS = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
CLASSIFIER = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]], np.float32)


def random_inputs(seed=0, classes=7, batch=4, dim=3):
    rng = np.random.default_rng(seed)
    embeddings, classifier = rng.normal(size=(batch, dim)), rng.normal(size=(classes, dim))
    return (
        embeddings.astype(np.float32),
        classifier.astype(np.float32),
        rng.integers(0, classes, batch),
    )


def sampled(embeddings, classifier, labels, drawn):
    inputs = embeddings, classifier, labels, labels, np.array(drawn)
    return ops.convert_to_numpy(sampled_instance_loss(*map(ops.convert_to_tensor, inputs)))


def test_by_hand():
    # Logits (1, 0, -1) and (0, 2, 2):
    # log(e + 1 + 1/e) - 1 = 0.40761 and log(1 + 2e²) - 2 = 0.75862.
    found = instance_loss(ops.array(EMBEDDINGS), ops.array(CLASSIFIER), ops.array([0, 2]))
    np.testing.assert_allclose(ops.convert_to_numpy(found), [0.40761, 0.75862], atol=1e-5)


def test_sampled_by_hand():
    # The batch has the classes 0 and 2. Of the drawn 0 and 1 only 1 is new and stands for 3 / 2 of
    # its kind: log(e + 1.5 + 1/e) - 1 = 0.52304 and log(1 + 1.5 e² + e²) - 2 = 0.96901.
    found = sampled(EMBEDDINGS, CLASSIFIER, np.array([0, 2]), [0, 1])
    np.testing.assert_allclose(found, [0.52304, 0.96901], atol=1e-5)


def test_a_class_that_the_batch_holds_twice_counts_once():
    # The batch has the class 0 twice, drawn is 2 alone, for 3 of its kind:
    # log(e + 3/e) - 1 = 0.34075.
    found = sampled(EMBEDDINGS[[0, 0]], CLASSIFIER, np.array([0, 0]), [2])
    np.testing.assert_allclose(found, [0.34075, 0.34075], atol=1e-5)


def test_all_classes_drawn_are_the_full_softmax():
    embeddings, classifier, labels = random_inputs()
    full = instance_loss(*map(ops.convert_to_tensor, (embeddings, classifier, labels)))
    drawn = np.random.default_rng(1).permutation(len(classifier))
    np.testing.assert_allclose(
        sampled(embeddings, classifier, labels, drawn), ops.convert_to_numpy(full), rtol=1e-5
    )


def test_the_sum_over_the_classes_is_estimated_without_bias():
    embeddings, classifier, labels = random_inputs()
    logits = embeddings @ classifier.T
    own = logits[np.arange(4), labels]
    draws = [np.random.default_rng(seed).permutation(7)[:2] for seed in range(500)]
    sums = [np.exp(sampled(embeddings, classifier, labels, drawn) + own) for drawn in draws]
    np.testing.assert_allclose(np.mean(sums, axis=0), np.exp(logits).sum(1), rtol=0.05)


def test_indistinguishable_classes_cost_the_logarithm_of_their_number():
    found = sampled(
        np.ones((2, 3), np.float32),
        np.ones((100, 3), np.float32),
        np.array([3, 8]),
        np.arange(20, 60),
    )
    np.testing.assert_allclose(found, np.log(2 + 40 * 100 / 40), rtol=1e-5)


@pytest.mark.parametrize("drawn", [None, [0, 5, 2]])
def test_gradients_are_finite_differences(drawn):
    embeddings, classifier, labels = (np.asarray(value, np.float64) for value in random_inputs())
    labels = labels.astype(int)

    def loss(matrix):
        if drawn is None:
            return ops.sum(instance_loss(tf.constant(embeddings), matrix, labels))
        return ops.sum(
            sampled_instance_loss(tf.constant(embeddings), matrix, labels, labels, np.array(drawn))
        )

    variable = tf.Variable(classifier)
    with tf.GradientTape() as tape:
        value = loss(variable)
    gradient = tf.convert_to_tensor(tape.gradient(value, variable)).numpy()
    step = 1e-2
    for place in np.ndindex(*classifier.shape):
        moved = [classifier.copy(), classifier.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        difference = (loss(tf.constant(moved[0])) - loss(tf.constant(moved[1]))) / (2 * step)
        np.testing.assert_allclose(gradient[place], difference, atol=2e-3)


def test_only_the_rows_of_the_sample_have_a_gradient():
    embeddings, classifier, labels = random_inputs(classes=50)
    variable, drawn = tf.Variable(classifier), tf.constant([1, 2, 3], tf.int64)
    with tf.GradientTape() as tape:
        loss = ops.sum(
            sampled_instance_loss(tf.constant(embeddings), variable, labels, labels, drawn)
        )
    gradient = tape.gradient(loss, variable)
    assert isinstance(gradient, tf.IndexedSlices)
    assert set(gradient.indices.numpy()) == {1, 2, 3, *labels}
