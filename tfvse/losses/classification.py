"""Losses of classification: pure functions of tensors, unreduced."""

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


def sigmoid_cross_entropy(logits, targets):
    """Sum over the classes of the binary cross-entropies (natural logarithm), in float32; eq. 7.11 of chapter 7.

    Args:
        logits: float [batch, classes], unnormalised scores.
        targets: float [batch, classes], 1 where an example is of the class, else 0.

    Returns:
        float32 [batch], at least 0.
    """
    logits = ops.cast(logits, "float32")
    # log(1 + exp(x)) - x·y, which neither overflows nor takes the logarithm of 0.
    return ops.sum(ops.softplus(logits) - logits * ops.cast(targets, "float32"), axis=-1)
