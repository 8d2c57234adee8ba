import types

import numpy as np
import pytest

from tfvse.errors import UserError
from tfvse.evaluation import classification

ROWS = np.arange(1200, dtype=np.float32).reshape(1200, 1, 1, 1)  # more than two batches


class Split:
    """What evaluation reads of a `ClassificationSplit`; each image's one pixel is its row."""

    framing = types.SimpleNamespace(description="one, whole image")

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def batches(self, size):
        for start in range(0, len(self), size):
            yield ROWS[: len(self)][start : start + size], self.labels[start : start + size]


def evaluate(scores, labels, classes=("cat", "dog", "elk"), **options):
    return classification.evaluate(
        lambda rows: scores[rows.ravel().astype(int)], Split(labels), classes, **options
    )


def test_by_hand():
    # Right, wrong (dog for cat), right, right: 25 %; cats 50 %, dogs and elks 0 %: mean 16.7 %.
    result = evaluate(np.eye(3)[[0, 1, 1, 2]], np.array([0, 0, 1, 2]))
    assert result.metrics == pytest.approx({"error_rate": 25, "mean_class_error_rate": 50 / 3})
    assert result.details["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert result.details["class_error_rate"] == {"cat": 50, "dog": 0, "elk": 0}


def test_five_guesses_of_seven_classes():
    # Scores 6, 5 ... 0: classes 0 to 4 are among the first five guesses, 5 and 6 are not; class 0
    # alone is the first.
    result = evaluate(np.tile(np.arange(6.0, -1, -1), (7, 1)), np.arange(7), classes="abcdefg")
    assert result.metrics["error_rate"] == pytest.approx(100 * 6 / 7)
    assert result.metrics["top5_error_rate"] == pytest.approx(100 * 2 / 7)
    assert result.intervals.keys() == {"error_rate", "top5_error_rate"}


def test_a_thousand_classes_keep_no_confusion_matrix():
    result = evaluate(
        np.eye(201), np.arange(201), classes=list(map(str, range(201))), bootstrap_samples=0
    )
    assert "confusion" not in result.details and result.metrics["error_rate"] == 0


def test_batches_cover_everything_once():
    generator = np.random.default_rng(0)
    scores, labels = generator.standard_normal((1200, 3)), generator.integers(0, 3, 1200)
    result = evaluate(scores, labels)
    assert result.metrics["error_rate"] == pytest.approx(100 * np.mean(scores.argmax(1) != labels))
    low, high = result.intervals["error_rate"]
    assert low < result.metrics["error_rate"] < high and result.protocol["examples"] == 1200


def test_nan_and_empty_are_refused():
    with pytest.raises(UserError, match="NaN"):
        evaluate(np.full((2, 3), np.nan), np.array([0, 1]))
    with pytest.raises(UserError, match="no images"):
        evaluate(np.zeros((0, 3)), np.zeros(0, int))
