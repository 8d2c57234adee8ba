"""The protocol of semantic segmentation: whole pictures at their own sizes, their pixels pooled, void left out."""

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import segmentation as metrics_lib
from tfvse.metrics.segmentation import VOID

PROTOCOL = {
    "pictures": "whole, at their own sizes, one scale, nothing mirrored",
    "counts": "pixels of all pictures pooled; void is not counted",
    "mean_iou": "mean over the classes that are in the truth or the predictions of the split",
    "class_accuracy": "mean over the classes that are in the truth",
    "units": "percent",
}


def evaluate(segment, split, classes, *, bootstrap_samples=1000, seed=0):
    """Segments a split.

    Args:
      segment: callable uint8 [H, W, 3] → int [H, W], the class of every pixel.
      split: iterable of (picture uint8 [H, W, 3], labels uint8 [H, W]), `VOID` where a pixel does not count; has a
        length.
      classes: C names.
      bootstrap_samples: redraws of the pictures for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      Result with the metrics `mean_iou`, `pixel_accuracy`, `class_accuracy` and `IoU/<class>`, in percent, of the
      classes that have one; its details hold the confusion matrix (rows: true class, columns: predicted). A class that
      some redraw lacks has no interval.

    Raises:
      UserError: the split is empty, or all of it is void.
    """
    if not len(split):
        raise UserError(
            "the split holds no pictures; prepare the data again or choose another --split"
        )
    confusions = np.stack(
        [
            metrics_lib.confusion_matrix(segment(picture), labels, len(classes), VOID)
            for picture, labels in split
        ]
    )
    total = confusions.sum(axis=0)
    if not total.any():
        raise UserError("every pixel of the split is void; give label maps that have classes")
    metrics = {
        name: float(value) for name, value in _measure(total, classes).items() if np.isfinite(value)
    }
    protocol, intervals = {"examples": len(split), "classes": len(classes), **PROTOCOL}, {}
    if bootstrap_samples:
        drawn = bootstrap.replicates(
            confusions.reshape(len(split), -1), np.arange(len(split)), bootstrap_samples, seed
        )
        measured = _measure(drawn.reshape(-1, *total.shape), classes)
        ends = bootstrap.interval(np.stack([measured[name] for name in metrics], axis=1)).T
        finite = {
            name: pair for name, pair in zip(metrics, ends, strict=True) if np.isfinite(pair).all()
        }
        intervals = {name: tuple(map(float, pair)) for name, pair in finite.items()}
        protocol["intervals"] = (
            f"95 % percentile bootstrap over pictures, {bootstrap_samples} redraws, seed {seed}"
        )
    return Result(
        metrics, protocol, intervals, {"classes": list(classes), "confusion": total.tolist()}
    )


def _measure(confusion, classes):
    """{metric: float64 [...] in percent} of confusion matrices [..., C, C]; NaN where there is no number."""
    by_class = metrics_lib.intersection_over_union(confusion)
    found = {
        "mean_iou": metrics_lib.mean_iou(confusion),
        "pixel_accuracy": metrics_lib.pixel_accuracy(confusion),
        "class_accuracy": metrics_lib.class_accuracy(confusion),
        **{f"IoU/{name}": by_class[..., label] for label, name in enumerate(classes)},
    }
    return {name: 100 * values for name, values in found.items()}
