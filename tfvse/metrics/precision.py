"""Average precision at R, in expectation over the random order of tied scores, and overall.

For a query with R positives (Musgrave et al., "A Metric Learning Reality Check", 2020, section
2.1),

    AP@R = 1/R sum_{i <= R} rel(i) * (1/i) sum_{j <= i} rel(j),

where rel(i) is 1 if the item of rank i is a positive and 0 otherwise.

Consider a group of t tied items that holds the ranks a+1 … a+t. It has p positives, and the groups
before it have c. Those are complete, so c is certain. Any place of the group is a positive with
chance p/t; given that one is, any other is with chance r = (p-1)/(t-1). So

    E[rel(i) sum_{j <= i} rel(j)] = p/t (1 + c + (i - a - 1) r).

The part of the group up to rank e = min(a + t, R) adds, with the harmonic numbers H,

    1/R p/t [(1 + c - (a + 1) r) (H_e - H_a) + r (e - a)].

The code gives every positive of the group 1/p of this.
"""

import numpy as np

from tfvse.metrics.ranks import Ranks
from tfvse.typing import Array


def average_precision_at_r(ranks: Ranks) -> Array:
    """Expected average precision at R of every query.

    With one positive a query it equals recall at 1.

    Args:
      ranks: of Q queries.

    Returns:
      float64 [Q], fractions.

    Example:
      R = 3, and the positives have ranks 1, 3 and 4: (1/1 + 2/3) / 3.

      >>> import numpy as np
      >>> from tfvse.metrics import average_precision_at_r, rank_positives
      >>> scores = np.array([[9.0, 8.0, 7.0, 6.0]])
      >>> ranks = rank_positives(scores, np.array([[0, 2, 3]]))
      >>> print(average_precision_at_r(ranks).round(3))
      [0.556]
    """
    above = ranks.above
    present = above < ranks.gallery
    positives = ranks.positives[:, None]

    # For every positive: c, the positives before its group, and p, those inside.
    before = np.zeros_like(above)
    inside = np.zeros_like(above)
    for column in range(above.shape[1]):
        other = above[:, [column]]
        before += other < above
        inside += other == above

    # r, the chance that another place of the group is a positive.
    others = np.maximum(ranks.tied - 1, 1)
    chance = (inside - 1) / others

    start = np.minimum(above, positives)
    end = np.minimum(above + ranks.tied, positives)
    harmonic = _harmonic_numbers(positives.max())
    reciprocals = harmonic[end] - harmonic[start]
    factor = 1 + before - (above + 1) * chance
    gained = factor * reciprocals + chance * (end - start)

    by_positive = gained / np.maximum(ranks.tied, 1)
    by_positive = np.where(present, by_positive, 0.0)
    return np.sum(by_positive, axis=1) / positives[:, 0]


def _harmonic_numbers(last: int) -> Array:
    """H_0 … H_last, float64 [last + 1]."""
    reciprocals = 1 / np.arange(1, last + 1)
    sums = np.cumsum(reciprocals)
    return np.concatenate([[0.0], sums])


def average_precision(scores: Array, targets: Array) -> float:
    """Area under the precision-recall curve: precisions weighted by the gains of recall.

    Tied scores are one step of the curve. So a predictor that distinguishes nothing gets the share
    of positives.

    Args:
      scores: float [N], larger is likelier.
      targets: bool, or 0 and 1, [N].

    Returns:
      Fraction; NaN where there is no positive.

    Example:
      The positives have ranks 1 and 3: (1/1 + 2/3) / 2.

      >>> import numpy as np
      >>> from tfvse.metrics import average_precision
      >>> scores = np.array([0.9, 0.8, 0.7, 0.1])
      >>> round(average_precision(scores, np.array([1, 0, 1, 0])), 3)
      0.833
    """
    order = np.argsort(-scores, kind="stable")
    ranked = np.asarray(targets, float)[order]
    scores = scores[order]

    # The last place of every group of tied scores.
    steps = np.flatnonzero(np.diff(scores))
    last = np.append(steps, len(scores) - 1)
    found = np.cumsum(ranked)[last]
    if not found[-1]:
        return np.nan

    gains = np.diff(found, prepend=0.0)
    area = np.sum(gains * found / (last + 1))
    return float(area / found[-1])
