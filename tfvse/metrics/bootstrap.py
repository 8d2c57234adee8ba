"""Bootstrap confidence intervals from results per query, without scoring anything again.

Queries that belong together are drawn together (a cluster bootstrap). The results of one image's
captions vary together; drawing captions one by one would make the interval too narrow.
"""

import numpy as np

from tfvse.typing import Array


def replicates(
    values: Array,
    groups: Array,
    samples: int,
    seed: int,
) -> Array:
    """Means of the results under redraws of the groups, with replacement.

    Args:
      values: float [Q, M], M results of every query.
      groups: int [Q], equal where queries belong together (the row of their image).
      samples: number of redraws.
      seed: the same seed and number of groups draw the same groups, so that replicates of two
        calls may be added.

    Returns:
      float64 [samples, M].

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import bootstrap
      >>> draws = bootstrap.replicates(np.full((6, 1), 40.0), np.arange(6), samples=20, seed=0)
      >>> print(bootstrap.interval(draws).ravel())
      [40. 40.]
    """
    values = np.asarray(values, np.float64)
    _, groups = np.unique(groups, return_inverse=True)
    count = groups.max() + 1
    sizes = np.bincount(groups, minlength=count)
    columns = [np.bincount(groups, column, count) for column in values.T]
    sums = np.stack(columns, axis=1)

    generator = np.random.default_rng(seed)
    means = np.empty((samples, values.shape[1]))
    for row in means:
        drawn = generator.integers(count, size=count)
        times = np.bincount(drawn, minlength=count)
        row[:] = times @ sums / (times @ sizes)
    return means


def interval(
    means: Array,
    level: float = 0.95,
) -> Array:
    """The percentile interval of bootstrap replicates.

    Args:
      means: float [samples, ...], from `replicates`.
      level: of confidence, a fraction.

    Returns:
      float64 [2, ...], the lower and the upper ends.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import bootstrap
      >>> print(bootstrap.interval(np.arange(101.0), level=0.9))
      [ 5. 95.]
    """
    low = (1 - level) / 2
    high = (1 + level) / 2
    return np.quantile(means, [low, high], axis=0)
