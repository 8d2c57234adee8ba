import numpy as np
import pytest

from tfvse.losses.classification import sigmoid_cross_entropy, softmax_cross_entropy


def _loss(logits, labels):
    return np.asarray(softmax_cross_entropy(np.asarray(logits), np.asarray(labels)))


def test_values_by_hand():
    # equal logits of 4 classes: ln 4 = 1.386294
    # logits (ln 3, 0): softmax (3/4, 1/4), −ln(1/4) = 1.386294
    np.testing.assert_allclose(_loss(np.zeros((1, 4), "float32"), [2]), [1.386294], rtol=1e-6)
    np.testing.assert_allclose(_loss(np.float32([[np.log(3), 0]]), [1]), [1.386294], rtol=1e-6)


@pytest.mark.parametrize("constant", [-50, 3, 1000])
def test_a_constant_added_to_all_logits_changes_nothing(constant):
    logits = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    np.testing.assert_allclose(
        _loss(logits + np.float32(constant), [0, 1, 4]), _loss(logits, [0, 1, 4]), atol=2e-4
    )


def test_huge_logits_stay_finite():
    np.testing.assert_allclose(_loss(np.float32([[1e4, -1e4]]), [1]), [2e4])


def test_half_precision_logits_give_float32():
    assert _loss(np.zeros((2, 3), "float16"), [0, 1]).dtype == np.float32


def test_sigmoid_cross_entropy_by_hand():
    # Logits 0 and ln 3 have probabilities 1/2 and 3/4; labels 1 and 0: -ln(1/2) - ln(1/4) = 3 ln 2.
    loss = sigmoid_cross_entropy(np.array([[0.0, np.log(3.0)]]), np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(loss, [3 * np.log(2.0)], rtol=1e-6)


def test_sigmoid_cross_entropy_of_huge_logits_is_linear():
    loss = sigmoid_cross_entropy(np.array([[1e4], [-1e4]]), np.array([[0.0], [0.0]]))
    np.testing.assert_allclose(loss, [1e4, 0.0])
