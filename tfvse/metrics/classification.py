"""Error rates from class scores, ties broken at random in expectation: equal scores for all classes are chance."""

import numpy as np


def predictions(scores):
    """float64 [N, C], the chance that each class is the prediction: 1 for the highest score, 1/t where t share it.

    Args:
      scores: float [N, C] logits or probabilities.

    Raises:
      ValueError: a score is NaN.
    """
    scores = np.asarray(scores)
    highest = scores.max(axis=1, keepdims=True)
    if np.isnan(highest).any():
        raise ValueError("class scores hold NaN")
    best = scores == highest
    return best / best.sum(axis=1, keepdims=True)


def within_top(scores, labels, k):
    """float64 [N], the chance that the true class is among the `k` highest scores.

    With `above` classes that score higher than the true one and t that score the same, itself included, the places of
    the t in the ranking are drawn at random: min(max(k - above, 0), t) / t.

    Args:
      scores: float [N, C] logits or probabilities.
      labels: int [N] true classes.
      k: number of guesses.

    Raises:
      ValueError: a score is NaN.
    """
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        raise ValueError("class scores hold NaN")
    own = np.take_along_axis(scores, np.asarray(labels)[:, None], axis=1)
    above, tied = np.sum(scores > own, axis=1), np.sum(scores == own, axis=1)
    return np.clip(k - above, 0, tied) / tied


def confusion_matrix(predicted, labels):
    """float64 [C, C], the number of examples of the class of the row that were taken for the class of the column.

    Args:
      predicted: float [N, C] from `predictions`.
      labels: int [N] true classes.
    """
    counts = np.zeros((predicted.shape[1],) * 2)
    np.add.at(counts, labels, predicted)
    return counts


def error_rate(confusion):
    """The fraction of all examples that were taken for another class."""
    return 1.0 - np.trace(confusion) / confusion.sum()


def class_error_rates(confusion):
    """float64 [C], the fraction of each class's examples taken for another class; NaN for a class without examples."""
    sizes = confusion.sum(axis=1)
    return 1.0 - np.divide(
        np.diag(confusion), sizes, out=np.full(len(sizes), np.nan), where=sizes > 0
    )
