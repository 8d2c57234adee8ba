import numpy as np
import pytest
from hypothesis import given, settings

from tests.metrics import oracles
from tests.metrics.strategies import tied_queries
from tfvse.metrics.precision import average_precision, average_precision_at_r
from tfvse.metrics.ranks import rank_positives
from tfvse.metrics.recall import recall_at_k


def ap(scores, positives):
    return average_precision_at_r(rank_positives(np.atleast_2d(scores), np.atleast_2d(positives)))[
        0
    ]


def test_by_hand_without_ties():
    # R = 3; the right answers stand at ranks 1, 3 and 4: (1/1 + 2/3) / 3, rank 4 lies beyond R.
    assert ap([9, 8, 7, 6, 5], [0, 2, 3]) == pytest.approx((1 + 2 / 3) / 3)


def test_by_hand_with_ties():
    # R = 2, three equal scores, two right: rank 1 is right with 2/3; rank 2 with 2/3, and then
    # rank 1 is right with 1/2. (2/3 * 1 + 2/3 * (1 + 1/2) / 2) / 2 = 7/12.
    assert ap([1, 1, 1], [0, 2]) == pytest.approx(7 / 12)


def test_perfect_and_hopeless():
    assert ap([3, 2, 1, 0], [0, 1]) == pytest.approx(1)
    assert ap([3, 2, 1, 0], [2, 3]) == 0


@settings(deadline=None)
@given(tied_queries())
def test_expectation_equals_mean_over_all_orders(query):
    scores, positives = query
    expected = oracles.mean_over_orders(
        scores, lambda order: oracles.average_precision_at_r(order, positives)
    )
    assert ap(scores, positives) == pytest.approx(expected)


def test_one_positive_is_recall_at_1():
    scores = np.random.default_rng(0).integers(0, 5, (50, 8))
    ranks = rank_positives(scores, np.arange(50)[:, None] % 8)
    np.testing.assert_allclose(average_precision_at_r(ranks), recall_at_k(ranks, 1))


def test_queries_with_different_numbers_of_positives():
    scores = np.array([[3, 2, 1, 0], [3, 2, 1, 0]])
    ranks = rank_positives(scores, np.array([[0, 1, 3], [1, -1, -1]]))
    np.testing.assert_allclose(average_precision_at_r(ranks), [(1 + 1) / 3, 0])


def test_average_precision_by_hand():
    # Right answers at ranks 1 and 3 of 4: (1/1 + 2/3) / 2.
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.1]), [1, 0, 1, 0]) == pytest.approx(
        (1 + 2 / 3) / 2
    )


def test_average_precision_of_tied_scores_is_the_share_of_positives():
    assert average_precision(np.zeros(8), [1, 0, 0, 0, 1, 0, 0, 0]) == pytest.approx(0.25)
    assert np.isnan(average_precision(np.arange(3.0), [0, 0, 0]))
