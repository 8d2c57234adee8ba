"""Semantic segmentation from counts of pixels, which leave void pixels out.

All functions but `pixel_confusion_matrix` take int or float [..., C, C], rows the true class and
columns the predicted one, and return fractions. Sums and means over images serve alike, since only
ratios count. A class without any pixel has the value NaN and is left out of means over classes.
"""

import numpy as np

from tfvse.typing import Array

VOID = 255  # label of pixels that are not counted


def pixel_confusion_matrix(
    predicted: Array,
    labels: Array,
    classes: int,
    void: int = VOID,
) -> Array:
    """Counts the pixels of the class of the row that are taken for the class of the column.

    Args:
      predicted: int [H, W], or of any shape, in 0 … classes - 1.
      labels: int of the same shape, in 0 … classes - 1 or `void`.
      classes: number of classes C.
      void: label of the pixels that are left out.

    Returns:
      int64 [C, C].

    Raises:
      ValueError: two sizes, or a number outside its range.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import pixel_confusion_matrix
      >>> print(pixel_confusion_matrix(np.array([[0, 1, 1]]), np.array([[0, 0, 255]]), 2))
      [[1 1]
       [0 0]]
    """
    predicted = np.asarray(predicted)
    labels = np.asarray(labels)
    if predicted.shape != labels.shape:
        raise ValueError(f"the prediction is {predicted.shape}, the truth {labels.shape}")

    counted = labels != void
    truth = labels[counted].astype(np.int64)
    guess = predicted[counted].astype(np.int64)
    _check_range("truth", truth, classes)
    _check_range("prediction", guess, classes)

    cells = truth * classes + guess
    counts = np.bincount(cells, minlength=classes**2)
    return counts.reshape(classes, classes)


def _check_range(
    name: str,
    values: Array,
    classes: int,
) -> None:
    """Raises ValueError unless all labels lie in 0 … classes - 1."""
    if not values.size:
        return
    low = values.min()
    high = values.max()
    if low < 0 or high >= classes:
        raise ValueError(f"the {name} has labels in {low} ... {high}, of {classes} classes")


def intersection_over_union(confusion: Array) -> Array:
    """TP / (TP + FP + FN) of each class (eq. 2.14 of chapter 2).

    Args:
      confusion: int or float [..., C, C].

    Returns:
      float64 [..., C]; NaN for a class that is neither in the truth nor in the prediction.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import intersection_over_union
      >>> print(intersection_over_union(np.array([[3, 1], [0, 4]])))
      [0.75 0.8 ]
    """
    right = _right(confusion)
    truth = np.sum(confusion, axis=-1)
    predicted = np.sum(confusion, axis=-2)
    return _ratio(right, truth + predicted - right)


def mean_iou(confusion: Array) -> Array:
    """Mean of `intersection_over_union` over the classes that have one.

    Args:
      confusion: int or float [..., C, C].

    Returns:
      float64 [...].

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import mean_iou
      >>> round(float(mean_iou(np.array([[3, 1], [0, 4]]))), 3)
      0.775
    """
    return _mean(intersection_over_union(confusion))


def pixel_accuracy(confusion: Array) -> Array:
    """The share of all pixels that are given their class.

    Args:
      confusion: int or float [..., C, C].

    Returns:
      float64 [...].

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import pixel_accuracy
      >>> float(pixel_accuracy(np.array([[3, 1], [0, 4]])))
      0.875
    """
    right = _right(confusion).sum(-1)
    pixels = np.sum(confusion, axis=(-2, -1))
    return _ratio(right, pixels)


def class_accuracy(confusion: Array) -> Array:
    """The share of a class's pixels that are given it, averaged over the classes in the truth.

    Args:
      confusion: int or float [..., C, C].

    Returns:
      float64 [...].

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import class_accuracy
      >>> float(class_accuracy(np.array([[3, 1], [0, 4]])))
      0.875
    """
    truth = np.sum(confusion, axis=-1)
    return _mean(_ratio(_right(confusion), truth))


def _right(confusion: Array) -> Array:
    """The pixels of each class that are given it: [..., C]."""
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: Array, whole: Array) -> Array:
    """part / whole, float64; NaN where the whole is 0."""
    part = np.asarray(part, np.float64)
    whole = np.asarray(whole, np.float64)
    undefined = np.full(whole.shape, np.nan)
    return np.divide(part, whole, out=undefined, where=whole > 0)


def _mean(values: Array) -> Array:
    """Mean of [..., C] over the classes that are not NaN: float64 [...]."""
    total = np.nansum(values, axis=-1)
    count = np.sum(np.isfinite(values), axis=-1)
    return _ratio(total, count)
