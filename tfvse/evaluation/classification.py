"""The protocols of classification: of pictures, by error rate over the whole split, one view of each, nothing
augmented; and of pairs of a picture and a text."""

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import classification as metrics_lib
from tfvse.metrics.average_precision import average_precision

BATCH = 500


def evaluate(predict, images, labels, classes, *, bootstrap_samples=1000, seed=0):
    """Classifies a split.

    Args:
      predict: callable uint8 [B, H, W, 3] → float [B, C] scores, larger is likelier.
      images: uint8 [N, H, W, 3].
      labels: int [N] true classes.
      classes: C names.
      bootstrap_samples: redraws of the examples for the 95 % interval; 0 leaves it out.
      seed: of the bootstrap.

    Returns:
      Result with the metrics `error_rate` and `mean_class_error_rate` in percent, and its details: the confusion matrix
      (rows: true class, columns: predicted; expected counts where scores tie) and the error rate of every class.

    Raises:
      UserError: scores are NaN, or the split is empty.
    """
    if not len(images):
        raise UserError("the split holds no pictures; prepare the data again or choose another --split")
    scores = np.concatenate([np.asarray(predict(images[i : i + BATCH])) for i in range(0, len(images), BATCH)])
    if np.isnan(scores).any():
        raise UserError("the class scores hold NaN; the run has diverged: take an earlier checkpoint")
    predicted = metrics_lib.predictions(scores)
    confusion = metrics_lib.confusion_matrix(predicted, labels)
    wrong = 1.0 - predicted[np.arange(len(labels)), labels]
    by_class = 100 * metrics_lib.class_error_rates(confusion)
    metrics = {
        "error_rate": 100 * float(metrics_lib.error_rate(confusion)),
        "mean_class_error_rate": float(np.nanmean(by_class)),
    }
    protocol = {
        "examples": len(labels),
        "classes": len(classes),
        "views": "one, whole picture",
        "ties": "expectation under random order",
        "units": "percent",
    }
    intervals = {}
    if bootstrap_samples:
        draws = bootstrap.replicates(100 * wrong[:, None], np.arange(len(wrong)), bootstrap_samples, seed)
        intervals["error_rate"] = tuple(map(float, bootstrap.interval(draws)[:, 0]))
        protocol["intervals"] = f"95 % percentile bootstrap over examples, {bootstrap_samples} redraws, seed {seed}"
    details = {
        "classes": list(classes),
        "confusion": confusion.round(4).tolist(),
        "class_error_rate": {classes[i]: float(by_class[i]) for i in np.flatnonzero(np.isfinite(by_class))},
    }
    return Result(metrics, protocol, intervals, details)


def of_pairs(predict, split, single_label):
    """Classifies every pair of a picture and one of its texts, as chapter 7 of the thesis does.

    Args:
      predict: callable (image features [B, D], texts [B, …]) → float [B, C] probabilities.
      split: `tfvse.data.matching.MatchingSplit` with labels.
      single_label: whether a picture has one class or any number.

    Returns:
      {"classification/top-1": percent of the pairs, tied scores in expectation}, or {"classification/mAP": percent,
      the mean average precision of the classes that occur}.
    """
    images, texts, rows = split.image_features(), split.text_inputs(), split.image_of_text
    batches = [slice(i, i + BATCH) for i in range(0, len(texts), BATCH)]
    scores = np.concatenate([np.asarray(predict(images[rows[b]], texts[b])) for b in batches])
    targets = split.targets()[rows]
    if single_label:
        right = metrics_lib.predictions(scores)[np.arange(len(rows)), targets]
        return {"classification/top-1": 100 * float(right.mean())}
    by_class = [average_precision(column, target) for column, target in zip(scores.T, targets.T, strict=True)]
    return {"classification/mAP": 100 * float(np.nanmean(by_class))}
