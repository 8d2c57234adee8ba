"""The protocol of semantic segmentation: whole images at their own sizes.

The pixels of all images are pooled, and void pixels are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation import intervals
from tfvse.evaluation.checks import refuse_empty
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import segmentation as metrics_lib
from tfvse.metrics.segmentation import VOID
from tfvse.typing import Array

PROTOCOL = {
    "images": "whole, at their own sizes, one scale, nothing mirrored",
    "counts": "pixels of all images pooled; void is not counted",
    "mean_iou": "mean over the classes that are in the truth or the predictions of the split",
    "class_accuracy": "mean over the classes that are in the truth",
    "units": "percent",
}


class SegmentedImages(Protocol):
    """What is read of a split, such as `tfvse.data.kinds.segmentation.SegmentationSplit`."""

    def __len__(self) -> int:
        """The number of images."""

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Images uint8 [H, W, 3] with labels uint8 [H, W], `VOID` where a pixel is not counted."""


def evaluate(
    segment: Callable[[Array], Array],
    split: SegmentedImages,
    classes: Sequence[str],
    *,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Result:
    """Segments a split.

    Args:
      segment: uint8 [H, W, 3] → int [H, W], the class of every pixel.
      split: images with their labels.
      classes: C names.
      bootstrap_samples: redraws of the images for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      The metrics `mean_iou`, `pixel_accuracy`, `class_accuracy` and `IoU/<class>`, in percent, of
      the classes that have one. The details hold the confusion matrix (rows: true class, columns:
      predicted). A class that some redraw lacks has no interval.

    Raises:
      UserError: the split is empty, or all of it is void.
    """
    refuse_empty(len(split))
    confusions = _confusions(segment, split, len(classes))
    total = confusions.sum(axis=0)
    if not total.any():
        raise UserError("every pixel of the split is void; give label maps that have classes")

    metrics = {}
    for name, value in _measure(total, classes).items():
        if np.isfinite(value):
            metrics[name] = float(value)

    found = {}
    if bootstrap_samples:
        redraws = _redraws(confusions, bootstrap_samples, seed)
        measured = _measure(redraws, classes)
        found = _finite_intervals({name: measured[name] for name in metrics})

    protocol = {
        "examples": len(split),
        "classes": len(classes),
        **PROTOCOL,
        **intervals.note("images", bootstrap_samples, seed),
    }
    details = {"classes": list(classes), "confusion": total.tolist()}
    return Result(metrics, protocol, found, details)


def _confusions(
    segment: Callable[[Array], Array],
    split: SegmentedImages,
    classes: int,
) -> Array:
    """The confusion matrix of every image, int64 [N, C, C]."""
    confusions = []
    for image, labels in split:
        predicted = segment(image)
        confusion = metrics_lib.pixel_confusion_matrix(predicted, labels, classes, VOID)
        confusions.append(confusion)
    return np.stack(confusions)


def _redraws(
    confusions: Array,
    samples: int,
    seed: int,
) -> Array:
    """Mean confusion matrices of redraws of the images, float64 [samples, C, C]."""
    count, *shape = confusions.shape
    flat = confusions.reshape(count, -1)
    means = bootstrap.replicates(flat, np.arange(count), samples, seed)
    return means.reshape(samples, *shape)


def _finite_intervals(values: dict[str, Array]) -> dict[str, intervals.Interval]:
    """metric → (low, high) of float [samples]; metrics that some redraw lacks are left out."""
    means = np.stack(list(values.values()), axis=1)
    found = intervals.of_replicates(values, means)
    return {name: ends for name, ends in found.items() if np.isfinite(ends).all()}


def _measure(
    confusion: Array,
    classes: Sequence[str],
) -> dict[str, Array]:
    """All metrics of confusion matrices.

    Args:
      confusion: int or float [..., C, C].
      classes: C names.

    Returns:
      metric → float64 [...] in percent; NaN where there is no number.
    """
    found = {
        "mean_iou": metrics_lib.mean_iou(confusion),
        "pixel_accuracy": metrics_lib.pixel_accuracy(confusion),
        "class_accuracy": metrics_lib.class_accuracy(confusion),
    }
    by_class = metrics_lib.intersection_over_union(confusion)
    for label, name in enumerate(classes):
        found[f"IoU/{name}"] = by_class[..., label]
    return {name: 100 * values for name, values in found.items()}
