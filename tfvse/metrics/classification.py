"""Error rates from class scores; tied scores are broken at random, in expectation.

A classifier that gives all classes equal scores therefore gets the error rate of chance.
"""

import numpy as np

from tfvse.typing import Array


def predictions(scores: Array) -> Array:
    """The chance that each class is the prediction: 1 for the highest score, 1/t for t tied ones.

    Args:
      scores: float [N, C], logits or probabilities.

    Returns:
      float64 [N, C].

    Raises:
      ValueError: a score is NaN.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import predictions
      >>> print(predictions(np.array([[2.0, 1.0, 0.0], [3.0, 0.0, 3.0]])))
      [[1.  0.  0. ]
       [0.5 0.  0.5]]
    """
    scores = np.asarray(scores)
    highest = scores.max(axis=1, keepdims=True)
    _refuse_nan(highest)

    best = scores == highest
    return best / best.sum(axis=1, keepdims=True)


def within_top(
    scores: Array,
    labels: Array,
    k: int,
) -> Array:
    """The chance that the true class is among the k highest scores.

    If `above` classes score higher than the true one and t score the same, itself included, their
    places in the ranking are drawn at random: min(max(k - above, 0), t) / t.

    Args:
      scores: float [N, C], logits or probabilities.
      labels: int [N], true classes.
      k: number of guesses.

    Returns:
      float64 [N].

    Raises:
      ValueError: a score is NaN.

    Example:
      One class scores higher than class 2, which ties with two others:

      >>> import numpy as np
      >>> from tfvse.metrics import within_top
      >>> print(within_top(np.array([[3.0, 1.0, 1.0, 1.0]]), np.array([2]), k=2).round(3))
      [0.333]
    """
    scores = np.asarray(scores)
    labels = np.asarray(labels)
    _refuse_nan(scores)

    own = np.take_along_axis(scores, labels[:, None], axis=1)
    above = np.sum(scores > own, axis=1)
    tied = np.sum(scores == own, axis=1)
    return np.clip(k - above, 0, tied) / tied


def _refuse_nan(scores: Array) -> None:
    """Raises ValueError where a score is NaN."""
    if np.isnan(scores).any():
        raise ValueError("class scores hold NaN")


def confusion_matrix(predicted: Array, labels: Array) -> Array:
    """Counts the examples of the class of the row that are taken for the class of the column.

    Args:
      predicted: float [N, C], from `predictions`.
      labels: int [N], true classes.

    Returns:
      float64 [C, C]; expected counts where scores tie.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import confusion_matrix, predictions
      >>> predicted = predictions(np.array([[2.0, 1.0], [2.0, 1.0]]))
      >>> print(confusion_matrix(predicted, np.array([0, 1])))
      [[1. 0.]
       [1. 0.]]
    """
    classes = predicted.shape[1]
    counts = np.zeros((classes, classes))
    np.add.at(counts, labels, predicted)
    return counts


def error_rate(confusion: Array) -> float:
    """The share of all examples that are taken for another class.

    Args:
      confusion: float [C, C], from `confusion_matrix`.

    Returns:
      Fraction.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import error_rate
      >>> float(error_rate(np.array([[3.0, 1.0], [0.0, 4.0]])))
      0.125
    """
    return 1.0 - np.trace(confusion) / confusion.sum()


def class_error_rates(confusion: Array) -> Array:
    """The share of each class's examples that are taken for another class.

    Args:
      confusion: float [C, C], from `confusion_matrix`.

    Returns:
      float64 [C], fractions; NaN for a class without examples.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import class_error_rates
      >>> print(class_error_rates(np.array([[3.0, 1.0], [0.0, 4.0]])))
      [0.25 0.  ]
    """
    sizes = confusion.sum(axis=1)
    right = np.divide(
        np.diag(confusion),
        sizes,
        out=np.full(len(sizes), np.nan),
        where=sizes > 0,
    )
    return 1.0 - right
