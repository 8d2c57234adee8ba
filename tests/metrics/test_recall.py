import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics import oracles
from tests.metrics.strategies import tied_queries
from tfvse.metrics.ranks import rank_positives
from tfvse.metrics.recall import first_rank, hits_at_k, median_rank, recall_at_k


def ranks_of(scores, positives):
    return rank_positives(np.atleast_2d(scores), np.atleast_2d(positives))


def test_by_hand_without_ties():
    # The positive, column 2, stands third: 0.9, 0.8, 0.7.
    ranks = ranks_of([0.9, 0.1, 0.7, 0.8], [2])
    assert [recall_at_k(ranks, k)[0] for k in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert first_rank(ranks) == 3


def test_by_hand_with_ties():
    # One item above, then four equal ones of which two are positives. Of the group's places K - 1
    # lie inside the first K: P(hit in 1 place) = 2/4; in 2 places 1 - C(2,2)/C(4,2) = 5/6;
    # in 3 places 1. First rank: 1 + 5/3.
    ranks = ranks_of([1, 0, 0, 0, 0], [1, 2])
    np.testing.assert_allclose(
        [recall_at_k(ranks, k)[0] for k in (1, 2, 3, 4, 5)], [0, 1 / 2, 5 / 6, 1, 1]
    )
    assert first_rank(ranks)[0] == pytest.approx(1 + 5 / 3)


def test_collapsed_embedding_scores_chance():
    # Five right answers among 25: R@10 = 1 - C(20,10)/C(25,10), and the mean rank is 26/6.
    ranks = ranks_of(np.full(25, 0.3), np.arange(5))
    assert recall_at_k(ranks, 10)[0] == pytest.approx(1 - math.comb(20, 10) / math.comb(25, 10))
    assert first_rank(ranks)[0] == pytest.approx(26 / 6)


@settings(deadline=None)
@given(tied_queries(), st.integers(1, 8))
def test_expectation_equals_mean_over_all_orders(query, k):
    scores, positives = query
    ranks = ranks_of(scores, positives)
    hit = oracles.mean_over_orders(scores, lambda order: oracles.first_rank(order, positives) <= k)
    assert recall_at_k(ranks, k)[0] == pytest.approx(hit)
    assert first_rank(ranks)[0] == pytest.approx(
        oracles.mean_over_orders(scores, lambda o: oracles.first_rank(o, positives))
    )


@settings(deadline=None)
@given(tied_queries(largest=12))
def test_recall_grows_with_k_to_certainty(query):
    ranks = ranks_of(*query)
    recalls = [recall_at_k(ranks, k)[0] for k in range(1, 13)]
    assert np.all(np.diff(recalls) >= -1e-12) and recalls[-1] == 1


@settings(deadline=None)
@given(tied_queries(), st.permutations(range(6)))
def test_order_of_the_gallery_does_not_matter(query, order):
    scores, positives = query
    order = np.array([column for column in order if column < len(scores)])
    moved = ranks_of(scores[order], np.flatnonzero(np.isin(order, positives)))
    assert recall_at_k(moved, 2) == pytest.approx(recall_at_k(ranks_of(scores, positives), 2))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_median_rank_without_ties_is_the_median(seed, queries):
    generator = np.random.default_rng(seed)
    scores, positives = (
        generator.permuted(np.tile(np.arange(20), (queries, 1)), axis=1),
        generator.integers(0, 20, (queries, 1)),
    )
    ranks = rank_positives(scores, positives)
    assert median_rank(ranks) == np.median(first_rank(ranks))


def test_median_rank_of_equal_scores():
    # One positive among ten equal scores: its rank is uniform on 1..10.
    assert median_rank(ranks_of(np.zeros(10), [4])) == 5.5


def test_hits_by_hand():
    # Positives 0.9 (first) and 0.5, which ties with one negative for places 3 and 4; two places of
    # four are certain.
    ranks = ranks_of([0.9, 0.7, 0.5, 0.5, 0.1], [0, 2])
    np.testing.assert_allclose([hits_at_k(ranks, k)[0] for k in (1, 2, 3, 4)], [1, 1, 1.5, 2])


def test_unused_places_are_no_hits():
    assert hits_at_k(ranks_of([0.9, 0.7], [1, -1]), 4) == [1]
