"""Losses of semantic segmentation: pure functions of tensors, unreduced."""

from keras import ops

from tfvse.losses.classification import softmax_cross_entropy
from tfvse.typing import Tensor


def pixel_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    void: int = 255,
) -> Tensor:
    """−log softmax(logits)[label] of each pixel, 0 where it is void (the terms of eq. 2.9).

    Args:
      logits: float [B, H, W, C], unnormalised scores.
      labels: int [B, H, W], in 0 … C - 1, or `void`.
      void: label of pixels that are not counted.

    Returns:
      float32 [B, H, W], at least 0 (natural logarithm). No gradient flows from void pixels.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import pixel_cross_entropy
      >>> labels = ops.array([[[0, 255]]])
      >>> losses = pixel_cross_entropy(ops.zeros((1, 1, 2, 4)), labels)
      >>> print(ops.convert_to_numpy(losses).round(3))
      [[[1.386 0.   ]]]
    """
    labels = ops.cast(labels, "int32")
    counted = ops.not_equal(labels, void)
    some_class = ops.where(counted, labels, 0)
    losses = softmax_cross_entropy(logits, some_class)
    return ops.where(counted, losses, 0.0)
