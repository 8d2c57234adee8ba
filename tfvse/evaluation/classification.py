"""The protocols of classification: of images, and of pairs of an image and a text.

Images are classified over the whole split, in one view each; nothing is augmented.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tfvse.evaluation import intervals
from tfvse.evaluation.checks import refuse_empty, refuse_nan
from tfvse.evaluation.report import Result
from tfvse.metrics import classification as metrics_lib
from tfvse.metrics.precision import average_precision
from tfvse.typing import Array, Tensor

if TYPE_CHECKING:
    from tfvse.preprocessing.views import Framing

PAIRS_AT_ONCE = 500
IMAGES_AT_ONCE = 100  # a network keeps large maps of each
TOP = 5
MAX_CONFUSION = 200  # classes; a matrix of ImageNet's thousand would fill the report


class LabelledImages(Protocol):
    """What is read of a split, such as `tfvse.data.kinds.classification.ClassificationSplit`.

    Attributes:
      framing: the part of each image that is seen.
    """

    framing: "Framing"

    def __len__(self) -> int:
        """The number of images."""

    def batches(self, size: int) -> Iterator[tuple[Array, Array]]:
        """Successive images float32 [B, H, W, 3] with their classes int [B]."""


class _Counts(NamedTuple):
    """What is counted over a split of N images and C classes.

    Attributes:
      confusion: float64 [C, C], expected counts (rows: true class, columns: predicted).
      right: float64 [N], the chance that an image's class is the first guess.
      within_top: float64 [N], the chance that it is among the first `TOP`.
    """

    confusion: Array
    right: Array
    within_top: Array


def evaluate(
    predict: Callable[[Array], Tensor],
    split: LabelledImages,
    classes: Sequence[str],
    *,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Result:
    """Classifies a split.

    Args:
      predict: float32 [B, H, W, 3] → float [B, C] scores, larger is likelier.
      split: gone through in batches.
      classes: C names.
      bootstrap_samples: redraws of the examples for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      The metrics `error_rate`, `mean_class_error_rate` and, for more than five classes,
      `top5_error_rate`, in percent. The details hold the error rate of every class and, for up to
      200 classes, the confusion matrix (rows: true class, columns: predicted; expected counts
      where scores tie).

    Raises:
      UserError: scores are NaN, or the split is empty.
    """
    refuse_empty(len(split))
    counts = _count(predict, split, len(classes))

    wrong = {"error_rate": 1.0 - counts.right}
    if len(classes) > TOP:
        wrong[f"top{TOP}_error_rate"] = 1.0 - counts.within_top
    by_class = 100 * metrics_lib.class_error_rates(counts.confusion)

    metrics = {name: 100 * float(values.mean()) for name, values in wrong.items()}
    metrics["mean_class_error_rate"] = float(np.nanmean(by_class))
    protocol = {
        "examples": len(split),
        "classes": len(classes),
        "views": split.framing.description,
        "ties": "expectation under random order",
        "units": "percent",
        **intervals.note("examples", bootstrap_samples, seed),
    }
    percents = {name: 100 * values for name, values in wrong.items()}
    return Result(
        metrics,
        protocol,
        intervals.of_means(percents, bootstrap_samples, seed),
        _details(counts.confusion, by_class, classes),
    )


def _count(
    predict: Callable[[Array], Tensor],
    split: LabelledImages,
    classes: int,
) -> _Counts:
    """Predicts all images of a split, batch by batch."""
    confusion = np.zeros((classes, classes))
    right = []
    within_top = []
    for images, labels in split.batches(IMAGES_AT_ONCE):
        scores = np.asarray(predict(images))
        refuse_nan(scores, "the class scores")

        predicted = metrics_lib.predictions(scores)
        confusion += metrics_lib.confusion_matrix(predicted, labels)
        right.append(_of_true_class(predicted, labels))
        within_top.append(metrics_lib.within_top(scores, labels, TOP))
    return _Counts(confusion, np.concatenate(right), np.concatenate(within_top))


def _of_true_class(predicted: Array, labels: Array) -> Array:
    """The value of each example's true class, float [N], from float [N, C] and int [N]."""
    return predicted[np.arange(len(labels)), labels]


def _details(
    confusion: Array,
    by_class: Array,
    classes: Sequence[str],
) -> dict[str, Any]:
    """What the report holds beside the metrics; `by_class` is in percent, NaN for no examples."""
    rates = {}
    for name, rate in zip(classes, by_class.tolist(), strict=True):
        if np.isfinite(rate):
            rates[name] = rate

    details = {"classes": list(classes), "class_error_rate": rates}
    if len(classes) <= MAX_CONFUSION:
        details["confusion"] = confusion.round(4).tolist()
    return details


def of_pairs(
    predict: Callable[[Array, Array], Tensor],
    split: Any,
    single_label: bool,
) -> dict[str, float]:
    """Classifies every pair of an image and one of its texts (thesis, chapter 7).

    Args:
      predict: image features [B, D], texts [B, …] → float [B, C] probabilities.
      split: `tfvse.data.kinds.matching.MatchingSplit` with labels.
      single_label: whether an image has one class or any number.

    Returns:
      With single labels, "classification/top-1": the percentage of pairs that are given their
      class, with tied scores in expectation. Else "classification/mAP": the mean average
      precision in percent of the classes that occur.
    """
    scores = _scores_of_pairs(predict, split)
    targets = split.targets()[split.image_of_text]
    if single_label:
        predicted = metrics_lib.predictions(scores)
        right = _of_true_class(predicted, targets)
        return {"classification/top-1": 100 * float(right.mean())}

    by_class = []
    for column, target in zip(scores.T, targets.T, strict=True):
        by_class.append(average_precision(column, target))
    return {"classification/mAP": 100 * float(np.nanmean(by_class))}


def _scores_of_pairs(
    predict: Callable[[Array, Array], Tensor],
    split: Any,
) -> Array:
    """Probabilities of the classes, float [T, C], for every text with its image."""
    images = split.image_features()
    texts = split.text_inputs()
    image_of_text = split.image_of_text

    scores = []
    for start in range(0, len(texts), PAIRS_AT_ONCE):
        batch = slice(start, start + PAIRS_AT_ONCE)
        probabilities = predict(images[image_of_text[batch]], texts[batch])
        scores.append(np.asarray(probabilities))
    return np.concatenate(scores)
