"""Average precision at R, in expectation over the random order of tied scores, and that of a whole ranking.

For a query with R positives (Musgrave et al., "A Metric Learning Reality Check", 2020, section 2.1),

    AP@R = 1/R sum_{i <= R} rel(i) * (1/i) sum_{j <= i} rel(j),    rel(i) = 1 where the item of rank i is a positive.

Let rank i lie in a tie group that holds the ranks a+1 .. a+t, with p positives inside and c positives in the groups
before (these come complete, so c is certain). Any place of the group is a positive with chance p/t, and given that one
is, any other is with chance r = (p-1)/(t-1). So

    E[rel(i) sum_{j <= i} rel(j)] = p/t (1 + c + (i - a - 1) r),

and the part of the group up to rank e = min(a + t, R) adds, with the harmonic numbers H,

    1/R p/t [(1 + c - (a + 1) r) (H_e - H_a) + r (e - a)].

Below every positive of the group carries 1/p of this.
"""

import numpy as np


def average_precision_at_r(ranks):
    """float64 [Q], the expected AP@R (fraction) of every query. With one positive it is recall at 1."""
    present = ranks.above < ranks.gallery
    positives = ranks.positives[:, None]
    before = sum(
        (ranks.above[:, [p]] < ranks.above).astype(int) for p in range(ranks.above.shape[1])
    )
    inside = sum(
        (ranks.above[:, [p]] == ranks.above).astype(int) for p in range(ranks.above.shape[1])
    )
    other = (inside - 1) / np.maximum(ranks.tied - 1, 1)
    start, end = np.minimum(ranks.above, positives), np.minimum(ranks.above + ranks.tied, positives)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, positives.max() + 1))])
    gained = (1 + before - (ranks.above + 1) * other) * (
        harmonic[end] - harmonic[start]
    ) + other * (end - start)
    return (
        np.sum(np.where(present, gained / np.maximum(ranks.tied, 1), 0.0), axis=1) / positives[:, 0]
    )


def average_precision(scores, targets):
    """Area under the precision-recall curve, the sum of precisions weighted by the gains of recall.

    Tied scores are one step of the curve, so a predictor that tells nothing apart gets the share of positives.

    Args:
      scores: float [N], larger is likelier.
      targets: bool or 0 and 1 [N].

    Returns:
      float in [0, 1]; NaN where there is no positive.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, scores = np.asarray(targets, float)[order], scores[order]
    last = np.append(
        np.flatnonzero(np.diff(scores)), len(scores) - 1
    )  # of every group of tied scores
    found = np.cumsum(ranked)[last]
    if not found[-1]:
        return np.nan
    return float(np.sum(np.diff(found, prepend=0.0) * found / (last + 1)) / found[-1])
