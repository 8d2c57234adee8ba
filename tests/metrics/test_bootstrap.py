import numpy as np
import pytest

from tfvse.metrics import bootstrap


def test_equal_results_leave_no_doubt():
    draws = bootstrap.replicates(np.full((6, 2), 40.0), np.arange(6), samples=20, seed=0)
    np.testing.assert_array_equal(bootstrap.interval(draws), np.full((2, 2), 40.0))


def test_width_of_independent_queries_is_that_of_the_mean():
    # Mean of 400 draws of variance 1: 1.96 / sqrt(400) = 0.098 to either side.
    values = np.random.default_rng(0).standard_normal((400, 1))
    low, high = bootstrap.interval(bootstrap.replicates(values, np.arange(400), 4000, seed=1))[:, 0]
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.05)


def test_captions_of_one_image_are_drawn_together():
    # Five copies of every result say no more than one does.
    values = np.random.default_rng(0).standard_normal((100, 1))
    alone = bootstrap.replicates(values, np.arange(100), 50, seed=2)
    copies = bootstrap.replicates(
        np.repeat(values, 5, axis=0), np.repeat(np.arange(100), 5), 50, seed=2
    )
    np.testing.assert_allclose(alone, copies)


def test_replicate_is_the_mean_over_queries_not_over_groups():
    # Two groups, of one query with 0 and of three with 1. Drawn are both (mean 3/4),
    # the first twice (0) or the second twice (1).
    draws = bootstrap.replicates(np.array([[0], [1], [1], [1]]), [7, 9, 9, 9], 200, seed=0)
    assert set(draws[:, 0]) == {0.0, 0.75, 1.0}


def test_the_seed_decides():
    values, groups = np.arange(10.0)[:, None], np.arange(10)
    first, again, other = (bootstrap.replicates(values, groups, 5, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
