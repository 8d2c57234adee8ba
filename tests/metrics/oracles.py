"""Slow, obvious versions of the retrieval metrics: every order that the ties allow."""

import itertools

import numpy as np


def orders(scores):
    """Every ranking (list of columns, best first) that agrees with the scores of one query.

    All are equally likely.
    """
    groups = [
        np.flatnonzero(scores == value).tolist() for value in sorted(set(scores), reverse=True)
    ]
    for parts in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield [column for part in parts for column in part]


def mean_over_orders(scores, measure):
    return np.mean([measure(order) for order in orders(np.asarray(scores))])


def first_rank(order, positives):
    return 1 + min(order.index(positive) for positive in positives)


def average_precision_at_r(order, positives):
    relevant = np.isin(order, positives)[: len(positives)]
    precision = np.cumsum(relevant) / np.arange(1, len(positives) + 1)
    return np.sum(precision * relevant) / len(positives)


def full_matrix(scores, positives, ks=(1, 5, 10)):
    """What everyone computes: sorts the whole matrix; ties fall as the sort leaves them.

    `scores` is float [Q, N], `positives` a list of columns for every query. Returns recalls, median
    and mean rank, and mAP@R.
    """
    rank = np.empty(scores.shape, int)
    np.put_along_axis(
        rank,
        np.argsort(-scores, axis=1, kind="stable"),
        np.arange(1, scores.shape[1] + 1)[None, :],
        axis=1,
    )
    ranks = [np.sort(row[list(own)]) for row, own in zip(rank, positives, strict=True)]
    first = np.array([own[0] for own in ranks])
    precision = [
        np.sum(np.arange(1, len(own) + 1) / own * (own <= len(own))) / len(own) for own in ranks
    ]
    return {
        **{f"R@{k}": 100 * np.mean(first <= k) for k in ks},
        "median_rank": np.median(first),
        "mean_rank": np.mean(first),
        "mAP@R": 100 * np.mean(precision),
    }
