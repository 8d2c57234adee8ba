"""Semantic segmentation from counts of pixels: every number comes from confusion matrices, which never count void.

All but `confusion_matrix` take int or float [..., C, C], rows the true class, columns the predicted one, and give
fractions. Sums or means over pictures serve alike, since only ratios count. A class without any pixel has no number,
NaN, and is left out of means over classes.
"""

import numpy as np

VOID = 255  # label of pixels that count for nothing


def confusion_matrix(predicted, labels, classes, void=VOID):
    """Counts the pixels of one picture.

    Args:
      predicted: int [H, W], in 0 … classes - 1.
      labels: int [H, W], the same or `void`.
      classes: C.
      void: label of the pixels that are left out.

    Returns:
      int64 [C, C].

    Raises:
      ValueError: two sizes, or a number outside its range.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape:
        raise ValueError(f"the prediction is {predicted.shape}, the truth {labels.shape}")
    counted = labels != void
    truth, guess = labels[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for name, values in (("truth", truth), ("prediction", guess)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(
                f"the {name} has labels in {values.min()} ... {values.max()}, of {classes} classes"
            )
    return np.bincount(truth * classes + guess, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(confusion):
    """TP / (TP + FP + FN) of each class, float64 [..., C] (eq. 2.14 of chapter 2).

    NaN for a class that is neither in the truth nor in the prediction.
    """
    right = _right(confusion)
    return _ratio(right, np.sum(confusion, axis=-1) + np.sum(confusion, axis=-2) - right)


def mean_iou(confusion):
    """Mean of `intersection_over_union` over the classes that have one, float64 [...]."""
    return _mean(intersection_over_union(confusion))


def pixel_accuracy(confusion):
    """The part of all pixels that got their class, float64 [...]."""
    return _ratio(_right(confusion).sum(-1), np.sum(confusion, axis=(-2, -1)))


def class_accuracy(confusion):
    """The part of a class's pixels that got it, mean over the classes in the truth, float64 [...]."""
    return _mean(_ratio(_right(confusion), np.sum(confusion, axis=-1)))


def _right(confusion):
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part, whole):
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values):
    return _ratio(np.nansum(values, axis=-1), np.sum(np.isfinite(values), axis=-1))
