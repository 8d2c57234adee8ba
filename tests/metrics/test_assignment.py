import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from tfvse.metrics import assignment
from tfvse.metrics.assignment import largest_matching

NO_EDGE = 10**6


def found(costs):
    """(pairs, their sum); no row and no column is taken twice, and every pair is an edge."""
    rows, columns = largest_matching(sparse.csr_array(costs))
    assert len(set(rows)) == len(set(columns)) == len(rows)
    assert (costs[rows, columns] > 0).all()
    return len(rows), costs[rows, columns].sum()


def expected(costs):
    dense = np.where(costs > 0, costs, NO_EDGE)
    rows, columns = linear_sum_assignment(dense)
    taken = costs[rows, columns]
    return np.count_nonzero(taken), taken.sum()


def test_more_pairs_come_before_cheaper_ones():
    # 1 alone would cost 1; both rows get a column only by the two that cost 50.
    assert found(np.array([[1, 50], [50, 0]])) == (2, 100)


def test_among_as_many_pairs_the_cheapest():
    assert found(np.array([[3, 2, 9], [2, 2, 9]])) == (2, 4)
    assert found(np.array([[3], [2], [9]])) == (1, 2)


@pytest.mark.parametrize("together", [1, 20, 10**6])
def test_a_dense_solver_agrees(monkeypatch, together):
    monkeypatch.setattr(assignment, "TOGETHER", together)
    rng = np.random.default_rng(0)
    for _ in range(60):
        shape, density = rng.integers(1, 30, 2), rng.uniform(0.02, 0.4)
        costs = np.where(rng.random(shape) < density, rng.integers(1, 8, shape), 0)
        assert found(costs) == expected(costs)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 3)])
def test_without_edges_there_are_no_pairs(shape):
    assert found(np.zeros(shape, int)) == (0, 0)
