"""Losses of semantic segmentation: pure functions of tensors, unreduced."""

from keras import ops

from tfvse.losses.classification import softmax_cross_entropy


def pixel_cross_entropy(logits, labels, void=255):
    """−log softmax(logits)[label] of each pixel (natural logarithm), 0 where it is void; the terms of eq. 2.9.

    Args:
        logits: float [B, H, W, C], unnormalised scores.
        labels: int [B, H, W], in 0 … C − 1, or `void`.
        void: label of pixels that count for nothing.

    Returns:
        float32 [B, H, W], at least 0; no gradient flows from void pixels.
    """
    labels = ops.cast(labels, "int32")
    counted = ops.not_equal(labels, void)
    losses = softmax_cross_entropy(logits, ops.where(counted, labels, 0))
    return ops.where(counted, losses, 0.0)
