import numpy as np
import pytest

from tfvse.metrics import ranks as ranks_lib


def test_counts_by_hand():
    # Positives of the first query: column 0 (0.9; one item above, itself alone) and 2 (0.5; two
    # above, tied with 3).
    scores = np.array([[0.9, 1.0, 0.5, 0.5, 0.1], [3.0, 2.0, 2.0, 2.0, 5.0]], np.float32)
    ranks = ranks_lib.rank_positives(scores, np.array([[0, 2], [1, -1]]))
    np.testing.assert_array_equal(ranks.above, [[1, 2], [2, 5]])
    np.testing.assert_array_equal(ranks.tied, [[1, 2], [3, 0]])
    np.testing.assert_array_equal(ranks.positives, [2, 1])


def test_merged_blocks_equal_one_block():
    scores = np.random.default_rng(0).integers(0, 4, (7, 9)).astype(float)
    positives = np.arange(7)[:, None]
    whole = ranks_lib.rank_positives(scores, positives)
    parts = ranks_lib.merge_ranks(
        ranks_lib.rank_positives(scores[rows], positives[rows])
        for rows in (slice(0, 3), slice(3, 7))
    )
    np.testing.assert_array_equal(parts.above, whole.above)
    np.testing.assert_array_equal(parts.tied, whole.tied)


def test_chance_equals_equal_scores():
    positives = np.array([[0, 3], [2, -1]])
    guess, equal = (
        ranks_lib.chance_ranks(positives, 5),
        ranks_lib.rank_positives(np.ones((2, 5)), positives),
    )
    np.testing.assert_array_equal(guess.above, equal.above)
    np.testing.assert_array_equal(guess.tied, equal.tied)


def test_minus_infinity_ranks_last():
    ranks = ranks_lib.rank_positives(np.array([[-np.inf, 0.0, 1.0]]), np.array([[0]]))
    assert (ranks.above, ranks.tied) == (2, 1)


@pytest.mark.parametrize("place", [0, 3])
def test_nan_is_refused_wherever_it_stands(place):
    scores = np.zeros((2, 4))
    scores[1, place] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ranks_lib.rank_positives(scores, np.array([[0], [0]]))


def test_a_query_needs_a_positive_inside_the_gallery():
    with pytest.raises(ValueError, match="query 1 has no positive"):
        ranks_lib.rank_positives(np.zeros((2, 3)), np.array([[0], [-1]]))
    with pytest.raises(ValueError, match="outside the gallery"):
        ranks_lib.rank_positives(np.zeros((1, 3)), np.array([[3]]))
