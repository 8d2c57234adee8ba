import numpy as np
import tensorflow as tf

from tfvse.layers.gradients import reverse_gradient


def test_forwards_nothing_happens():
    x = np.float32([1e-8, -3.3, 1e6])
    np.testing.assert_array_equal(
        reverse_gradient(x, 0.7), x
    )  # equal, not close: nothing is rounded


def test_backwards_the_gradient_turns_round():
    x, gamma = tf.Variable([1.0, 2.0]), tf.Variable(0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(reverse_gradient(x, gamma) ** 2)
    gradients = tape.gradient(loss, [x, gamma])
    np.testing.assert_allclose(gradients[0], [-1.0, -2.0])  # -½ · 2x
    assert gradients[1] is None


def test_a_scale_of_zero_stops_it_and_of_minus_one_lets_it_pass():
    x = tf.Variable(3.0)
    for scale, expected in [(0.0, 0.0), (-1.0, 6.0)]:
        with tf.GradientTape() as tape:
            loss = reverse_gradient(x, scale) ** 2
        assert float(tape.gradient(loss, x)) == expected
