import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfvse.metrics import segmentation as metrics

# Truth and prediction of six pixels, the last of them void:
#   truth       0 0 0 1 1 -        row 0: two right, one taken for 1
#   prediction  0 0 1 1 2 2        row 1: one right, one taken for 2
# Class 0: 2 / (3 + 2 - 2) = 2/3; class 1: 1 / (2 + 2 - 1) = 1/3; class 2: 0 / (0 + 1) = 0;
# class 3 is nowhere.
TRUTH, PREDICTED = np.array([[0, 0, 0], [1, 1, 255]]), np.array([[0, 0, 1], [1, 2, 2]])
CONFUSION = metrics.pixel_confusion_matrix(PREDICTED, TRUTH, 4)

shapes = st.tuples(st.just(2), st.integers(1, 9), st.integers(1, 9))
label_maps = arrays.arrays(np.uint8, shapes, elements=st.integers(0, 4))


def test_confusion_by_hand():
    assert CONFUSION.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_iou_by_hand():
    np.testing.assert_allclose(
        metrics.intersection_over_union(CONFUSION), [2 / 3, 1 / 3, 0, np.nan]
    )
    assert metrics.mean_iou(CONFUSION) == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)


def test_accuracies_by_hand():
    # Three of five pixels; class 0: 2/3, class 1: 1/2, classes 2 and 3 are not in the truth.
    assert metrics.pixel_accuracy(CONFUSION) == pytest.approx(3 / 5)
    assert metrics.class_accuracy(CONFUSION) == pytest.approx((2 / 3 + 1 / 2) / 2)


@given(label_maps)
def test_iou_is_that_of_sets_of_pixels(maps):
    truth, predicted = maps
    truth[truth == 4], predicted[predicted == 4] = 255, 0
    counted = truth != 255
    found = metrics.intersection_over_union(metrics.pixel_confusion_matrix(predicted, truth, 4))
    for label in range(4):
        true, guess = (truth == label) & counted, (predicted == label) & counted
        union = (true | guess).sum()
        np.testing.assert_equal(found[label], (true & guess).sum() / union if union else np.nan)


@given(label_maps, st.integers(0, 3))
def test_what_is_predicted_at_void_changes_nothing(maps, other):
    truth, predicted = np.minimum(maps, 3)
    truth[::2] = 255
    changed = np.where(truth == 255, other, predicted)
    assert (
        metrics.pixel_confusion_matrix(predicted, truth, 4)
        == metrics.pixel_confusion_matrix(changed, truth, 4)
    ).all()


def test_many_matrices_at_once():
    both = np.stack([CONFUSION, 3 * CONFUSION])  # only ratios count
    for metric in (metrics.mean_iou, metrics.pixel_accuracy, metrics.class_accuracy):
        np.testing.assert_allclose(metric(both), [metric(CONFUSION)] * 2)


def test_nothing_but_void_has_no_number():
    empty = metrics.pixel_confusion_matrix([[0]], [[255]], 2)
    assert np.isnan(
        [metrics.mean_iou(empty), metrics.pixel_accuracy(empty), metrics.class_accuracy(empty)]
    ).all()


@pytest.mark.parametrize(
    "predicted, labels, words",
    [
        ([[2]], [[0]], "prediction has labels in 2"),
        ([[0]], [[7]], "truth has labels in 7"),
        ([[0, 0]], [[0]], "truth"),
    ],
)
def test_numbers_outside_the_classes_are_refused(predicted, labels, words):
    with pytest.raises(ValueError, match=words):
        metrics.pixel_confusion_matrix(predicted, labels, 2)
