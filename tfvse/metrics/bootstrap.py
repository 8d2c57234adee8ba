"""Bootstrap confidence intervals from results per query, without scoring anything again.

Queries that belong together are drawn together (a cluster bootstrap): the captions of one picture rise and fall with
it, and to draw them one by one would make the interval too narrow.
"""

import numpy as np


def replicates(values, groups, samples, seed):
    """Means of the results under `samples` redraws of the groups, with replacement.

    Args:
      values: float [Q, M], M results of every query.
      groups: int [Q], equal where queries belong together (the row of their picture).
      samples: the number of redraws.
      seed: int; the same seed and number of groups draw the same groups, so that replicates of two calls may be added.

    Returns:
      float64 [samples, M].
    """
    values = np.asarray(values, np.float64)
    _, groups = np.unique(groups, return_inverse=True)
    count = groups.max() + 1
    sums = np.stack([np.bincount(groups, column, count) for column in values.T], axis=1)
    sizes = np.bincount(groups, minlength=count)
    generator = np.random.default_rng(seed)
    means = np.empty((samples, values.shape[1]))
    for row in means:
        times = np.bincount(generator.integers(count, size=count), minlength=count)
        row[:] = times @ sums / (times @ sizes)
    return means


def interval(means, level=0.95):
    """float64 [2, M], the lower and upper end of the percentile interval of `replicates`; `level` is a fraction."""
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
