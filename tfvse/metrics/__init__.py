"""Metrics: exact, tie-safe, NumPy in and numbers out.

The choices around them are protocols, in `tfvse.evaluation`. The boundary benchmark is the module
`tfvse.metrics.edges`, and bootstrap intervals are `tfvse.metrics.bootstrap`.

Example:
  >>> import numpy as np
  >>> from tfvse import metrics
  >>> similarities = np.array([[0.9, 0.2, 0.4], [0.1, 0.3, 0.8]])
  >>> ranks = metrics.rank_positives(similarities, positives=np.array([[0], [1]]))
  >>> print(metrics.recall_at_k(ranks, k=1))
  [1. 0.]
"""

import importlib
from types import ModuleType

from tfvse.metrics import bootstrap
from tfvse.metrics.classification import (
    class_error_rates,
    confusion_matrix,
    error_rate,
    predictions,
    within_top,
)
from tfvse.metrics.generation import l1, psnr
from tfvse.metrics.precision import average_precision, average_precision_at_r
from tfvse.metrics.ranks import Ranks, chance_ranks, merge_ranks, rank_positives
from tfvse.metrics.recall import first_rank, hits_at_k, median_rank, recall_at_k
from tfvse.metrics.segmentation import (
    class_accuracy,
    intersection_over_union,
    mean_iou,
    pixel_accuracy,
    pixel_confusion_matrix,
)

__all__ = [
    "Ranks",
    "average_precision",
    "average_precision_at_r",
    "bootstrap",
    "chance_ranks",
    "class_accuracy",
    "class_error_rates",
    "confusion_matrix",
    "error_rate",
    "first_rank",
    "hits_at_k",
    "intersection_over_union",
    "l1",
    "mean_iou",
    "median_rank",
    "merge_ranks",
    "pixel_accuracy",
    "pixel_confusion_matrix",
    "predictions",
    "psnr",
    "rank_positives",
    "recall_at_k",
    "within_top",
]


def __getattr__(name: str) -> ModuleType:
    """Imports `edges` and `assignment` on demand, since they need SciPy and scikit-image."""
    if name in ("assignment", "edges"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
