"""Late fusion: one score of a query and a candidate from the scores of several parts."""

from collections.abc import Sequence
from typing import Any

from keras import ops

FUSIONS = ("average", "adaptive")
_SMALLEST_AREA = 1e-6  # of a query that is unlike everything


def late_fusion(
    scores: Sequence[Any],
    fusion: str,
) -> Any:
    """Fuses the scores of queries with a whole gallery, section 6.3.4 of Y. Liu's thesis.

    Args:
      scores: float [Q, N] for each part, cosines in [-1, 1].
      fusion: "average" (eq. 6.8), or "adaptive" (eqs 6.9-6.11): every query weighs a score by one
        over the positive area under its curve. The N columns must be the whole gallery.

    Returns:
      float [Q, N], in [-1, 1].
    """
    if fusion == "average":
        return sum(scores) / len(scores)

    areas = [
        ops.sum(
            ops.relu(score),
            axis=1,
            keepdims=True,
        )
        for score in scores
    ]
    weights = [1.0 / ops.maximum(area, _SMALLEST_AREA) for area in areas]
    weighted = [weight * score for weight, score in zip(weights, scores, strict=True)]
    return sum(weighted) / sum(weights)
