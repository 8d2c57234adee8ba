"""Means over seeds, and which orderings hold."""

import pytest

from tests.reproduce import making
from tfvse.reproduce.orderings import cells, orderings
from tfvse.reproduce.render import ordering_text


def rendered(table, **outcomes):
    """The orderings of a table as rows of Markdown."""
    found = orderings(table, cells(table, making.lines(table, **outcomes)))
    return [ordering_text(ordering, table.decimals) for ordering in found]


def test_mean_and_deviation_over_seeds():
    # a: (11 + 13) / 2 = 12, deviation √2
    table = making.table()
    measured = cells(table, making.lines(table, a=[11.0, 13.0], b=[7.0]))
    assert measured["a", "error"] == (12.0, pytest.approx(2**0.5), 2, 10.0)


@pytest.mark.parametrize(
    "a, b, word",
    [
        ([12.0, 12.2], [9.0, 9.2], "holds"),
        ([9.0, 9.2], [12.0, 12.2], "reversed"),
        ([9, 11], [9, 10], "not decided"),
        ([12.0], [9.0], "not decided"),
    ],
)
def test_an_ordering_needs_a_difference_above_the_noise(a, b, word):
    (line,) = rendered(making.table(), a=a, b=b)
    assert line.endswith(f"| {word} |") and "+2.00" in line


def test_a_claim_without_numbers_is_checked_too():
    table = making.table([{"name": "a"}, {"name": "b"}], claims=[["b", "a"]])
    assert rendered(table, a=[9.0, 9.2], b=[12.0, 12.2]) == [
        "| error | b vs a | above 0 | +3.00 ± 0.20 | holds |"
    ]


def test_one_seed_has_no_noise_to_show():
    assert "| +3.00 | not decided |" in rendered(making.table(), a=[12.0], b=[9.0])[0]


def test_equal_numbers_in_the_paper_state_no_ordering():
    table = making.table([{"name": "a", "paper": [8.0]}, {"name": "b", "paper": [8.0]}])
    assert rendered(table, a=[12.0, 12.2], b=[9.0, 9.2]) == []
