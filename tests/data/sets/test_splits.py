"""Random splits: their shares, and that a seed draws what it has always drawn."""

import pytest

from tfvse.data.sets import splits
from tfvse.errors import UserError

LABELS = [number * 7 % 5 for number in range(40)]


def test_a_share_is_drawn_for_val_and_for_test():
    found = splits.by_share(40, 0.1, seed=0)
    assert {split: len(rows) for split, rows in found.items()} == {"train": 32, "val": 4, "test": 4}
    assert sorted(sum(found.values(), [])) == list(range(40))
    assert all(rows == sorted(rows) for rows in found.values())


def test_every_class_gives_its_share():
    found = splits.by_class(LABELS, 0.1, seed=1)
    assert found["val"] == [6, 8, 17, 19, 25]  # as ever
    assert sorted(LABELS[row] for row in found["test"]) == [0, 1, 2, 3, 4]


def test_a_number_of_every_class_is_for_training():
    found = splits.by_class(LABELS, 0.1, seed=1, train_per_class=3)
    assert len(found["train"]) == 15 and len(found["test"]) == 25 and "val" not in found


def test_groups_stay_together_and_large_ones_are_for_training():
    groups = [[number] * (1 + number % 4) for number in range(40)]
    found = splits.by_group(groups, 10, seed=0, largest=3)
    assert 10 <= len(found["val"]) < 13 and 10 <= len(found["test"]) < 13
    assert not set(found["val"]) & set(found["test"])
    assert {number for number in range(40) if number % 4 == 3} <= set(found["train"])


def test_images_are_held_out():
    kept, held = splits.hold_out(40, 10, seed=1)
    assert held.tolist() == [2, 5, 8, 10, 12, 13, 18, 32, 33, 38]  # as ever
    assert sorted([*kept, *held]) == list(range(40))


def test_images_are_held_out_by_class():
    kept, held = splits.hold_out_by_class(LABELS, 10, seed=1)
    assert held == [0, 6, 7, 9, 15, 16, 17, 23, 28, 29]  # as ever
    assert sorted(LABELS[row] for row in held) == sorted(2 * [0, 1, 2, 3, 4])
    assert sorted([*kept, *held]) == list(range(40))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: splits.hold_out(5, 5, 0),
        lambda: splits.hold_out_by_class([0] * 5, 5, 0),
    ],
)
def test_some_images_must_be_left(draw):
    with pytest.raises(UserError, match="--validation=5: there are 5 training images"):
        draw()
