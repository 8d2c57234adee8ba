"""Random splits, drawn with a seed. The same seed draws the same splits in every version."""

import collections
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

from tfvse.errors import UserError

SPLITS = ("train", "val", "test")
T = TypeVar("T")


def by_share(
    count: int,
    share: float,
    seed: int,
) -> dict[str, list[int]]:
    """Draws a share of `count` items for val, and as many for test.

    Args:
      count: number of items.
      share: fraction for val, and for test.
      seed: of the permutation.

    Returns:
      "train", "val" and "test" → rows in ascending order.
    """
    order = np.random.default_rng(seed).permutation(count)
    held = int(round(share * count))
    return {
        "train": np.sort(order[2 * held :]).tolist(),
        "val": np.sort(order[:held]).tolist(),
        "test": np.sort(order[held : 2 * held]).tolist(),
    }


def by_class(
    labels: Sequence[int],
    share: float,
    seed: int,
    train_per_class: int = 0,
) -> dict[str, list[int]]:
    """Draws from every class a share for val and for test, or a number for train.

    Args:
      labels: the class of every item.
      share: fraction of a class for val, and for test; not read with `train_per_class`.
      seed: of the permutations.
      train_per_class: items of a class for train, the rest is test; 0: as `share` says.

    Returns:
      "train", "val" and "test" → rows in ascending order; a split without items is left out.
    """
    generator = np.random.default_rng(seed)
    rows: dict[str, list[int]] = {split: [] for split in SPLITS}
    of_item = np.asarray(labels)
    for label in np.unique(of_item):
        order = generator.permutation(np.flatnonzero(of_item == label))
        if train_per_class:
            val_end = 0
            test_end = max(len(order) - train_per_class, 0)
        else:
            val_end = int(round(share * len(order)))
            test_end = 2 * val_end
        rows["val"] += order[:val_end].tolist()
        rows["test"] += order[val_end:test_end].tolist()
        rows["train"] += order[test_end:].tolist()
    return {split: sorted(found) for split, found in rows.items() if found}


def by_group(
    groups: Sequence[Sequence[T]],
    enough: int,
    seed: int,
    largest: int | None = None,
) -> dict[str, list[T]]:
    """Draws whole groups for val until it has enough items, then for test, then for train.

    Args:
      groups: the items of each group.
      enough: items that val and test must have.
      seed: of the permutation.
      largest: size of a group; larger ones are for train. None: any size.

    Returns:
      "train", "val" and "test" → items, in the order in which they were drawn.
    """
    splits: dict[str, list[T]] = {split: [] for split in SPLITS}
    for number in np.random.default_rng(seed).permutation(len(groups)):
        group = groups[number]
        chosen = "train"
        if largest is None or len(group) <= largest:
            unfilled = [split for split in ("val", "test") if len(splits[split]) < enough]
            chosen = unfilled[0] if unfilled else "train"
        splits[chosen] += group
    return splits


def hold_out(
    count: int,
    held: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws `held` of `count` training images for val.

    Returns:
      (rows that are kept int64 [K], rows that are held out int64 [H]), both ascending; H is `held`
      and K the rest.

    Raises:
      UserError: nothing would be left.
    """
    _require_rest(count, held)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[:-held]), np.sort(order[-held:])


def hold_out_by_class(
    labels: Sequence[Hashable],
    held: int,
    seed: int,
) -> tuple[list[int], list[int]]:
    """Draws `held` training images for val, the same share of every class.

    Args:
      labels: the class of every image.
      held: number of images to draw.
      seed: of the permutation.

    Returns:
      (rows that are kept, rows that are held out), both ascending.

    Raises:
      UserError: nothing would be left.
    """
    _require_rest(len(labels), held)
    sizes = collections.Counter(labels)
    seen: collections.Counter[Hashable] = collections.Counter()
    # The place of an image in its class, as a fraction: the lowest ones are the same share of all.
    place = {}
    for row in np.random.default_rng(seed).permutation(len(labels)):
        label = labels[row]
        place[int(row)] = (seen[label] + 0.5) / sizes[label]
        seen[label] += 1

    ranked = sorted(place, key=place.__getitem__)
    return sorted(ranked[held:]), sorted(ranked[:held])


def _require_rest(count: int, held: int) -> None:
    """Raises UserError unless some of `count` images are left when `held` are held out."""
    if held >= count:
        raise UserError(f"--validation={held}: there are {count:,} training images; hold fewer out")
