"""The protocols of classification: of pictures, by error rate over the whole split, one view of each, nothing
augmented; and of pairs of a picture and a text."""

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import classification as metrics_lib
from tfvse.metrics.average_precision import average_precision

BATCH = 500
PICTURES = 100  # classified at once; a network keeps large maps of each
TOP = 5
MAX_CONFUSION = 200  # classes; a matrix of ImageNet's thousand would fill the report


def evaluate(predict, split, classes, *, bootstrap_samples=1000, seed=0):
    """Classifies a split.

    Args:
      predict: callable float32 [B, H, W, 3] → float [B, C] scores, larger is likelier.
      split: `tfvse.data.kinds.classification.ClassificationSplit`, gone through in batches.
      classes: C names.
      bootstrap_samples: redraws of the examples for the 95 % interval; 0 leaves it out.
      seed: of the bootstrap.

    Returns:
      Result with the metrics `error_rate` and `mean_class_error_rate` and, of more than five classes,
      `top5_error_rate`, in percent, and its details: the error rate of every class and, of up to 200, the confusion
      matrix (rows: true class, columns: predicted; expected counts where scores tie).

    Raises:
      UserError: scores are NaN, or the split is empty.
    """
    if not len(split):
        raise UserError(
            "the split holds no pictures; prepare the data again or choose another --split"
        )
    confusion, right, among_five = np.zeros((len(classes),) * 2), [], []
    for pictures, labels in split.batches(PICTURES):
        scores = np.asarray(predict(pictures))
        if np.isnan(scores).any():
            raise UserError(
                "the class scores hold NaN; the run has diverged: take an earlier checkpoint"
            )
        predicted = metrics_lib.predictions(scores)
        confusion += metrics_lib.confusion_matrix(predicted, labels)
        right.append(predicted[np.arange(len(labels)), labels])
        among_five.append(metrics_lib.within_top(scores, labels, TOP))
    wrong = {"error_rate": 1.0 - np.concatenate(right)}
    if len(classes) > TOP:
        wrong["top5_error_rate"] = 1.0 - np.concatenate(among_five)
    by_class = 100 * metrics_lib.class_error_rates(confusion)
    metrics = {name: 100 * float(values.mean()) for name, values in wrong.items()}
    metrics["mean_class_error_rate"] = float(np.nanmean(by_class))
    protocol = {
        "examples": len(split),
        "classes": len(classes),
        "views": split.view.words,
        "ties": "expectation under random order",
        "units": "percent",
    }
    intervals = {}
    if bootstrap_samples:
        draws = bootstrap.replicates(
            100 * np.stack(list(wrong.values()), axis=1),
            np.arange(len(split)),
            bootstrap_samples,
            seed,
        )
        intervals = {
            name: tuple(map(float, ends))
            for name, ends in zip(wrong, bootstrap.interval(draws).T, strict=True)
        }
        protocol["intervals"] = (
            f"95 % percentile bootstrap over examples, {bootstrap_samples} redraws, seed {seed}"
        )
    seen = np.flatnonzero(np.isfinite(by_class))
    details = {
        "classes": list(classes),
        "class_error_rate": {classes[i]: float(by_class[i]) for i in seen},
    }
    if len(classes) <= MAX_CONFUSION:
        details["confusion"] = confusion.round(4).tolist()
    return Result(metrics, protocol, intervals, details)


def of_pairs(predict, split, single_label):
    """Classifies every pair of a picture and one of its texts, as chapter 7 of the thesis does.

    Args:
      predict: callable (image features [B, D], texts [B, …]) → float [B, C] probabilities.
      split: `tfvse.data.kinds.matching.MatchingSplit` with labels.
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
    by_class = [
        average_precision(column, target)
        for column, target in zip(scores.T, targets.T, strict=True)
    ]
    return {"classification/mAP": 100 * float(np.nanmean(by_class))}
