"""Losses of single-label classification: pure functions of tensors, unreduced."""

from keras import ops


def softmax_cross_entropy(logits, labels):
    """−log softmax(logits)[label] of each example (natural logarithm), in float32; eq. 2.4's L in chapter 2.

    Args:
        logits: float [batch, classes], unnormalised scores.
        labels: int [batch], in 0 … classes − 1.

    Returns:
        float32 [batch], at least 0.
    """
    logits = ops.cast(logits, "float32")
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
