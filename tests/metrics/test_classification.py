import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfvse.metrics import classification

SCORES = np.array([[2.0, 1, 0], [0, 3, 1], [5, 4, 0], [0, 0, 1]])
LABELS = np.array([0, 1, 1, 2])


def test_by_hand():
    # Predictions 0, 1, 0, 2: the third example, of class 1, is taken for class 0. One of four
    # is wrong; of class 1, half.
    confusion = classification.confusion_matrix(classification.predictions(SCORES), LABELS)
    np.testing.assert_array_equal(confusion, [[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    assert classification.error_rate(confusion) == 0.25
    np.testing.assert_array_equal(classification.class_error_rates(confusion), [0, 0.5, 0])


def test_equal_scores_are_chance_even_when_one_class_rules():
    # Eight of ten examples are of class 0; the class that an argmax would pick must not earn 20 %
    # error. 1 - 1/4.
    confusion = classification.confusion_matrix(
        classification.predictions(np.zeros((10, 4))), [0] * 8 + [1, 2]
    )
    assert classification.error_rate(confusion) == 0.75


def test_class_without_examples_has_no_error_rate():
    confusion = classification.confusion_matrix(classification.predictions(SCORES[:2]), LABELS[:2])
    np.testing.assert_array_equal(classification.class_error_rates(confusion), [0, 0, np.nan])


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        classification.predictions([[0.0, np.nan]])


def test_among_the_first_guesses_by_hand():
    # One class above the true one, which ties with two others: three places, of which k - 1 are
    # within the first k.
    scores = [[3.0, 1, 1, 1, 0]]
    found = [classification.within_top(scores, [2], k)[0] for k in (1, 2, 3, 4, 5)]
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1, 1])


def test_one_guess_is_the_prediction():
    np.testing.assert_array_equal(classification.within_top(SCORES, LABELS, 1), [1, 1, 0, 1])
    with pytest.raises(ValueError, match="NaN"):
        classification.within_top([[0.0, np.nan]], [0], 1)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_without_ties_it_is_the_argmax(seed):
    generator = np.random.default_rng(seed)
    scores, labels = generator.standard_normal((30, 5)), generator.integers(0, 5, 30)
    confusion = classification.confusion_matrix(classification.predictions(scores), labels)
    assert classification.error_rate(confusion) == pytest.approx(
        np.mean(scores.argmax(1) != labels)
    )
    assert confusion.sum() == pytest.approx(30)
