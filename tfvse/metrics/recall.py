"""Recall at K and the rank of the first right answer, in expectation over the order of ties.

The best-placed positive of a query has `above` items before it. Its group of tied items holds t
items in random order, p of them positive. So the first hit follows from sampling without
replacement (the negative hypergeometric distribution). With j = min(max(K - above, 0), t), the
places of the group that lie within the first K,

    P(first rank <= K) = 1 - C(t - p, j) / C(t, j) = 1 - prod_{i < p} (t - j - i) / (t - i),
    E[first rank]      = above + (t + 1) / (p + 1).

Without ties t = p = 1, and both are the usual values. With all scores equal both are chance.
"""

from collections.abc import Callable

import numpy as np

from tfvse.metrics.ranks import Ranks
from tfvse.typing import Array


def recall_at_k(ranks: Ranks, k: int) -> Array:
    """The chance that a positive of the query is among its first k items.

    Args:
      ranks: of Q queries.
      k: number of items.

    Returns:
      float64 [Q], fractions.

    Example:
      The positive ties with one other item for ranks 2 and 3:

      >>> import numpy as np
      >>> from tfvse.metrics import rank_positives, recall_at_k
      >>> ranks = rank_positives(np.array([[0.9, 0.5, 0.5]]), np.array([[1]]))
      >>> print(recall_at_k(ranks, 2))
      [0.5]
    """
    above, tied, hits = _first(ranks)
    inside = np.clip(k - above, 0, tied)
    missed = np.ones(len(above))
    for i in range(hits.max()):
        left = np.maximum(tied - i, 1)
        factor = (tied - inside - i) / left
        missed *= np.where(i < hits, factor, 1.0)
    return 1.0 - missed


def hits_at_k(ranks: Ranks, k: int) -> Array:
    """The expected number of positives among the query's first k items.

    With k = 4 and groups of four images its mean over queries is the N-S score (Nister and
    Stewenius, CVPR 2006).

    Args:
      ranks: of Q queries.
      k: number of items.

    Returns:
      float64 [Q], in 0 … k; tied items count by their share.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import hits_at_k, rank_positives
      >>> ranks = rank_positives(np.array([[0.9, 0.5, 0.5]]), np.array([[0, 1]]))
      >>> print(hits_at_k(ranks, 2))
      [1.5]
    """
    present = ranks.above < ranks.gallery
    inside = np.clip(k - ranks.above, 0, ranks.tied)
    shares = inside / np.maximum(ranks.tied, 1)
    shares = np.where(present, shares, 0.0)
    return np.sum(shares, axis=1)


def first_rank(ranks: Ranks) -> Array:
    """The expected rank of the query's first positive; 1 is best.

    Args:
      ranks: of Q queries.

    Returns:
      float64 [Q].

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import first_rank, rank_positives
      >>> ranks = rank_positives(np.array([[0.9, 0.5, 0.5]]), np.array([[1]]))
      >>> print(first_rank(ranks))
      [2.5]
    """
    above, tied, hits = _first(ranks)
    return above + (tied + 1) / (hits + 1)


def median_rank(ranks: Ranks) -> float:
    """The median over queries of the rank of the first positive; 1 is best.

    The distribution of the ranks is K → mean of `recall_at_k`. Its median is the middle of the
    smallest K that reaches one half and the smallest K that exceeds it. Without ties this is
    `np.median` of the ranks.

    Args:
      ranks: of Q queries.

    Returns:
      A rank, from 1.

    Example:
      One positive among ten equal scores, whose rank is uniform on 1 … 10:

      >>> import numpy as np
      >>> from tfvse.metrics import chance_ranks, median_rank
      >>> median_rank(chance_ranks(np.array([[4]]), gallery=10))
      5.5
    """

    def reaches_half(recall: float) -> bool:
        """Whether a mean recall is 1/2 or more, but for rounding."""
        return recall > 0.5 - 1e-9

    def exceeds_half(recall: float) -> bool:
        """Whether a mean recall is more than 1/2, but for rounding."""
        return recall > 0.5 + 1e-9

    reaches = _smallest_k(ranks, reaches_half)
    exceeds = _smallest_k(ranks, exceeds_half)
    return (reaches + exceeds) / 2


def _smallest_k(
    ranks: Ranks,
    holds: Callable[[float], bool],
) -> int:
    """The smallest K for whose mean recall `holds`, by bisection."""
    low = 1
    high = ranks.gallery
    while low < high:
        middle = (low + high) // 2
        if holds(recall_at_k(ranks, middle).mean()):
            high = middle
        else:
            low = middle + 1
    return low


def _first(ranks: Ranks) -> tuple[Array, Array, Array]:
    """The group of tied items of each query's best positive.

    Returns:
      Items above the group, items in it, and positives in it; int64 [Q] each.
    """
    best = np.argmin(ranks.above, axis=1)
    best = best[:, None]
    above = np.take_along_axis(ranks.above, best, axis=1)
    tied = np.take_along_axis(ranks.tied, best, axis=1)
    hits = np.count_nonzero(ranks.above == above, axis=1)
    return above[:, 0], tied[:, 0], hits
