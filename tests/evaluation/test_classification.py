import numpy as np
import pytest

from tfvse.errors import UserError
from tfvse.evaluation import classification

IMAGES = np.arange(1200, dtype=np.uint16).view(np.uint8).reshape(1200, 1, 1, 2)  # more than two batches


def evaluate(scores, labels, **options):
    rows = lambda batch: batch.reshape(-1).view(np.uint16)  # noqa: E731
    return classification.evaluate(
        lambda batch: scores[rows(batch)], IMAGES[: len(labels)], labels, ["cat", "dog", "elk"], **options
    )


def test_by_hand():
    # Right, wrong (dog for cat), right, right: 25 %; cats 50 %, dogs and elks 0 %: mean 16.7 %.
    result = evaluate(np.eye(3)[[0, 1, 1, 2]], np.array([0, 0, 1, 2]))
    assert result.metrics == pytest.approx({"error_rate": 25, "mean_class_error_rate": 50 / 3})
    assert result.details["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert result.details["class_error_rate"] == {"cat": 50, "dog": 0, "elk": 0}


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
    with pytest.raises(UserError, match="no pictures"):
        evaluate(np.zeros((0, 3)), np.zeros(0, int))
