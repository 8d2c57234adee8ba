"""The 95 % bootstrap intervals of the protocols."""

from collections.abc import Iterable, Mapping

import numpy as np

from tfvse.metrics import bootstrap
from tfvse.typing import Array

Interval = tuple[float, float]


def note(
    what: str,
    samples: int,
    seed: int,
) -> dict[str, str]:
    """The protocol's entry about intervals.

    Args:
      what: is redrawn, in the plural.
      samples: number of redraws; 0: there are no intervals.
      seed: of the redraws.

    Returns:
      {"intervals": a sentence}; empty without intervals.
    """
    if not samples:
        return {}
    sentence = f"95 % percentile bootstrap over {what}, {samples} redraws, seed {seed}"
    return {"intervals": sentence}


def of_means(
    values: Mapping[str, Array],
    samples: int,
    seed: int,
) -> dict[str, Interval]:
    """Intervals of the means of some values per example.

    Args:
      values: metric → float [N], in the unit of the metric.
      samples: number of redraws of the examples; 0: no intervals.
      seed: of the redraws.

    Returns:
      metric → (low, high); empty without redraws.
    """
    if not samples:
        return {}
    columns = np.stack(list(values.values()), axis=1)
    examples = np.arange(len(columns))
    means = bootstrap.replicates(columns, examples, samples, seed)
    return of_replicates(values, means)


def of_replicates(
    names: Iterable[str],
    means: Array,
) -> dict[str, Interval]:
    """Intervals from bootstrap replicates.

    Args:
      names: of M metrics.
      means: float [samples, M].

    Returns:
      metric → (low, high).
    """
    lows, highs = bootstrap.interval(means)
    intervals = {}
    for name, low, high in zip(names, lows, highs, strict=True):
        intervals[name] = (float(low), float(high))
    return intervals
