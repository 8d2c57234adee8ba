import numpy as np
import pytest

from tfvse.losses.adversarial import FAKE, REAL, cross_entropy, least_squares


@pytest.mark.parametrize(
    "label, expected", [(REAL, [1.0, 0.25, 0.0, 1.0]), (FAKE, [0.0, 0.25, 1.0, 4.0])]
)
def test_by_hand(label, expected):
    # (0-1)², (½-1)², (1-1)², (2-1)² and 0², ½², 1², 2²
    np.testing.assert_allclose(
        least_squares(np.array([0.0, 0.5, 1.0, 2.0], "float32"), label), expected
    )


def test_a_perfect_discriminator_costs_nothing_and_its_generator_everything():
    assert float(least_squares(np.float32(1), REAL) + least_squares(np.float32(0), FAKE)) == 0
    assert float(least_squares(np.float32(0), REAL)) == 1


def test_float16_scores_are_squared_in_float32():
    assert float(least_squares(np.float16(300), FAKE)) == 90000  # beyond float16's 65504


def test_cross_entropy_by_hand():
    # D = sigmoid(log 3) = ¾: -log ¾ for the right label, -log ¼ for the wrong one; a score of 0
    # costs log 2 either way.
    scores = np.array([np.log(3), 0.0], "float32")
    np.testing.assert_allclose(cross_entropy(scores, REAL), [np.log(4 / 3), np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(cross_entropy(scores, FAKE), [np.log(4), np.log(2)], rtol=1e-6)


def test_cross_entropy_of_huge_scores_is_finite():
    scores = np.array([1e4, -1e4], "float16")
    np.testing.assert_allclose(cross_entropy(scores, REAL), [0.0, 1e4], rtol=1e-3)
