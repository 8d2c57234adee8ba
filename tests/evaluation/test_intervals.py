import numpy as np
import pytest

from tfvse.evaluation import intervals


def test_equal_values_have_no_width():
    found = intervals.of_means({"a": np.full(5, 2.0), "b": np.full(5, 7.0)}, samples=9, seed=0)
    assert found == {"a": (2.0, 2.0), "b": (7.0, 7.0)}


def test_ends_of_replicates_are_percentiles():
    # Of 0, 1 … 1000 the 2.5 and 97.5 percentiles are 25 and 975.
    means = np.arange(1001.0)[:, None]
    assert intervals.of_replicates(["a"], means) == {"a": pytest.approx((25, 975))}


def test_without_redraws_there_are_none():
    assert intervals.of_means({"a": np.ones(5)}, samples=0, seed=0) == {}
    assert intervals.note("images", samples=0, seed=0) == {}


def test_the_note_says_what_was_drawn():
    note = intervals.note("images", samples=9, seed=3)["intervals"]
    assert note == "95 % percentile bootstrap over images, 9 redraws, seed 3"
