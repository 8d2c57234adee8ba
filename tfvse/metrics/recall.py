"""Recall at K and the rank of the first right answer, in expectation over the random order of tied scores.

The best-placed positive of a query has `above` items before it. Its tie group holds t items, p of them positive, in
random order, so that the first hit follows from sampling without replacement (the negative hypergeometric
distribution). With j = min(max(K - above, 0), t), the places of the group that lie within the first K,

    P(first rank <= K) = 1 - C(t - p, j) / C(t, j) = 1 - prod_{i < p} (t - j - i) / (t - i),
    E[first rank]      = above + (t + 1) / (p + 1).

Without ties t = p = 1 and both are what everyone computes. With all scores equal both are chance.
"""

import numpy as np


def recall_at_k(ranks, k):
    """float64 [Q], the chance (fraction) that a positive of the query is among its first `k` items."""
    above, tied, hits = _first(ranks)
    inside = np.clip(k - above, 0, tied)
    missed = np.ones(len(above))
    for i in range(hits.max()):
        missed *= np.where(i < hits, (tied - inside - i) / np.maximum(tied - i, 1), 1.0)
    return 1.0 - missed


def hits_at_k(ranks, k):
    """float64 [Q], the expected number of positives among the query's first `k` items, of tied ones their share.

    With k = 4 and groups of four pictures its mean over queries is the N-S score (Nister and Stewenius, CVPR 2006).
    """
    inside = np.clip(k - ranks.above, 0, ranks.tied)
    return np.sum(
        np.where(ranks.above < ranks.gallery, inside / np.maximum(ranks.tied, 1), 0.0), axis=1
    )


def first_rank(ranks):
    """float64 [Q], the expected rank of the query's first positive; 1 is best."""
    above, tied, hits = _first(ranks)
    return above + (tied + 1) / (hits + 1)


def median_rank(ranks):
    """The median over queries of the rank of the first positive; 1 is best.

    The ranks follow the distribution K → mean of `recall_at_k`; its median is the middle of the smallest K that
    reaches one half and the smallest that exceeds it, which without ties is `np.median` of the ranks.
    """
    reaches = _smallest_k(ranks, lambda recall: recall > 0.5 - 1e-9)
    exceeds = _smallest_k(ranks, lambda recall: recall > 0.5 + 1e-9)
    return (reaches + exceeds) / 2


def _smallest_k(ranks, holds):
    low, high = 1, ranks.gallery
    while low < high:
        middle = (low + high) // 2
        if holds(recall_at_k(ranks, middle).mean()):
            high = middle
        else:
            low = middle + 1
    return low


def _first(ranks):
    """Of the best positive's tie group, int64 [Q] each: items above it, items in it, positives in it."""
    best = np.argmin(ranks.above, axis=1)[:, None]
    above = np.take_along_axis(ranks.above, best, axis=1)
    tied = np.take_along_axis(ranks.tied, best, axis=1)
    return above[:, 0], tied[:, 0], np.count_nonzero(ranks.above == above, axis=1)
