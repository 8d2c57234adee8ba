"""Losses of classification: pure functions of tensors, unreduced."""

from keras import ops

from tfvse.typing import Tensor


def softmax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """−log softmax(logits)[label] of each example, in float32 (L in eq. 2.4 of chapter 2).

    Args:
      logits: float [..., C], unnormalised scores.
      labels: int [...], in 0 … C - 1.

    Returns:
      float32 [...], at least 0 (natural logarithm).

    Example:
      Four equal scores cost ln 4:

      >>> from keras import ops
      >>> from tfvse.losses import softmax_cross_entropy
      >>> losses = softmax_cross_entropy(ops.zeros((1, 4)), ops.array([2]))
      >>> print(ops.convert_to_numpy(losses).round(3))
      [1.386]
    """
    logits = ops.cast(logits, "float32")
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def sigmoid_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over the classes of the binary cross-entropies, in float32 (eq. 7.11 of chapter 7).

    Args:
      logits: float [B, C], unnormalised scores.
      targets: float [B, C], 1 where an example is of the class, else 0.

    Returns:
      float32 [B], at least 0 (natural logarithm).

    Example:
      Probabilities 1/2 and 3/4 against targets 1 and 0 cost -ln(1/2) - ln(1/4) = 3 ln 2:

      >>> from keras import ops
      >>> from tfvse.losses import sigmoid_cross_entropy
      >>> logits = ops.array([[0.0, 1.0986]])
      >>> losses = sigmoid_cross_entropy(logits, ops.array([[1.0, 0.0]]))
      >>> print(ops.convert_to_numpy(losses).round(3))
      [2.079]
    """
    logits = ops.cast(logits, "float32")
    targets = ops.cast(targets, "float32")

    # log(1 + exp(x)) - x · y neither overflows nor takes the logarithm of 0.
    by_class = ops.softplus(logits) - logits * targets
    return ops.sum(by_class, axis=-1)
