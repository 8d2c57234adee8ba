import sys
import types

import numpy as np
import pytest

from tfvse.errors import UserError
from tfvse.evaluation import transfer

CLASSES = ["cat", "dog", "elk"]


class Split:
    """What transfer reads of a `ClassificationSplit`; its images are the features."""

    framing = types.SimpleNamespace(description="one, whole image")

    def __init__(self, features, labels, names=()):
        self.features, self.labels, self.names = (
            np.asarray(features, np.float32),
            np.asarray(labels),
            names,
        )

    def __len__(self):
        return len(self.labels)

    def ids(self):
        return list(self.names)

    def batches(self, size):
        for start in range(0, len(self), size):
            yield self.features[start : start + size], self.labels[start : start + size]


def clusters(count, seed, noise=0.3):
    generator, labels = np.random.default_rng(seed), np.arange(count) % 3
    return Split(5 * np.eye(3)[labels] + noise * generator.standard_normal((count, 3)), labels)


def test_an_svm_tells_clusters_apart():
    pytest.importorskip("sklearn")
    result = transfer.by_svm(lambda x: x, clusters(90, 0), clusters(240, 1), CLASSES)
    assert result.metrics == pytest.approx({"accuracy": 100, "mean_class_accuracy": 100})
    assert (
        result.protocol["C"] in transfer.COSTS
        and "3 stratified folds" in result.protocol["C chosen by"]
    )
    assert (result.protocol["training images"], result.protocol["test images"]) == (90, 240)


def test_labels_without_meaning_are_chance_and_two_classes_will_do():
    pytest.importorskip("sklearn")
    generator = np.random.default_rng(0)

    def noise(count):
        return Split(generator.standard_normal((count, 4)), generator.integers(0, 2, count))

    result = transfer.by_svm(lambda x: x, noise(60), noise(600), CLASSES)
    assert result.metrics["accuracy"] == pytest.approx(50, abs=7)
    low, high = result.intervals["accuracy"]
    assert low < result.metrics["accuracy"] < high


def test_the_same_seed_gives_the_same():
    pytest.importorskip("sklearn")
    results = [
        transfer.by_svm(lambda x: x, clusters(30, 0, 4), clusters(60, 1, 4), CLASSES)
        for _ in range(2)
    ]
    assert results[0] == results[1]


def test_a_class_with_one_training_image_is_named():
    pytest.importorskip("sklearn")
    with pytest.raises(UserError, match="the class elk has one training image"):
        transfer.by_svm(lambda x: x, Split(np.eye(5), [0, 0, 1, 1, 2]), clusters(3, 0), CLASSES)


def test_a_missing_scikit_learn_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UserError, match=r'pip install "\.\[transfer\]"'):
        transfer.by_svm(lambda x: x, clusters(9, 0), clusters(9, 1), CLASSES)


def test_holidays_by_hand():
    names = ["100000.jpg", "100001.jpg", "100002.jpg", "100100.jpg", "100101.jpg"]
    angles = np.deg2rad([0, 10, 50, 30, 90])
    split = Split(
        np.stack([np.cos(angles), np.sin(angles)], 1) * [[1], [2], [3], [4], [5]],
        [0, 0, 0, 1, 1],
        names,
    )
    # Query 0 ranks 10°, 30°, 50°, 90°: right, wrong, right, wrong: (1 + 2/3) / 2 = 5/6.
    # Query 30° ranks 10° and 50° (both 20° away, wrong), 0°, then 90°, right at place 4: 1/4.
    # Mean 13/24.
    result = transfer.of_holidays(lambda x: x, split)
    assert result.metrics["mAP"] == pytest.approx(100 * 13 / 24)
    assert result.protocol["queries"] == 2


def test_ukb_by_hand():
    features = np.repeat(np.eye(3), 4, axis=0)
    split = Split(features, np.repeat([2, 0, 1], 4))
    assert transfer.of_ukb(lambda x: x, split).metrics["N-S"] == 4
    # The last of the first group looks like the second: five alike. It finds itself 4/5 of the
    # time, its group never; each of the other three finds three for sure and one of nothing; each
    # of the four alike finds 4 · 4/5 of its own.
    features[3] = features[4]
    score = transfer.of_ukb(lambda x: x, Split(features, split.labels)).metrics["N-S"]
    # The first three: themselves (3), then nine zeros tie for one place, one of them right:
    # 3 + 1/9.
    assert score == pytest.approx((3 * (3 + 1 / 9) + 4 / 5 + 4 * 16 / 5 + 4 * 4) / 12)


def test_a_collapsed_embedding_scores_chance():
    result = transfer.of_ukb(
        lambda x: np.ones((len(x), 2), np.float32), Split(np.zeros((40, 2)), np.arange(40) // 4)
    )
    assert result.metrics["N-S"] == pytest.approx(4 * 4 / 40)


def test_wrong_groups_and_nan_are_refused():
    with pytest.raises(UserError, match="group 1 has not four"):
        transfer.of_ukb(lambda x: x, Split(np.eye(7), [0, 0, 0, 0, 1, 1, 1]))
    with pytest.raises(UserError, match="NaN"):
        transfer.of_ukb(lambda x: x * np.nan, Split(np.eye(4), [0] * 4))
