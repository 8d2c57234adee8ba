"""Instance loss: every group of a picture and its texts is a class of its own, and one classifier serves both.

Z. Zheng et al., "Dual-Path Convolutional Image-Text Embedding" (arXiv 1711.05535). The classifier is a matrix with one
row for each class. Nothing is reduced over the batch.
"""

import math

from keras import ops

from tfvse.losses.classification import softmax_cross_entropy

_LEFT_OUT = -1e9  # of a logit: not minus infinity, whose product with 0 is no number


def instance_loss(embeddings, classifier, labels):
    """−log softmax over all classes of an embedding's class.

    Args:
        embeddings: float [B, D] of pictures or of texts.
        classifier: float [C, D], one row for each class.
        labels: int [B], in 0 … C − 1.

    Returns:
        float32 [B], at least 0. Memory for the [B, C] logits and, in training, a gradient [C, D].
    """
    logits = ops.matmul(
        ops.cast(embeddings, "float32"), ops.transpose(ops.cast(classifier, "float32"))
    )
    return softmax_cross_entropy(logits, labels)


def sampled_instance_loss(embeddings, classifier, labels, batch_labels, drawn):
    """The same, with the sum over all classes estimated from those of the batch and some that were drawn.

    The exponentials of the drawn classes that are not in the batch, times C / S, are on average those of all classes
    that are not in the batch: the logits are corrected by −log(S / C), the logarithm of how often a class is expected
    among the drawn. With S = C this is `instance_loss`.

    Args:
        embeddings, classifier, labels: as in `instance_loss`.
        batch_labels: int [G], the classes that are always in the sum; they hold those of `labels`.
        drawn: int [S], different classes, each as probable as any other.

    Returns:
        float32 [B]. Memory for [B, G + S] logits; the gradient of the classifier has G + S rows.
    """
    kept = ops.concatenate([batch_labels, drawn])
    same = ops.equal(ops.expand_dims(kept, 1), ops.expand_dims(batch_labels, 0))
    # A class counts once: where it stands first among the batch's or, if it is not there, where it was drawn.
    first = ops.equal(ops.argmax(same, axis=1), ops.arange(kept.shape[0]))
    counts = ops.logical_or(first, ops.logical_not(ops.any(same, axis=1)))
    log_expected = math.log(drawn.shape[0] / classifier.shape[0])
    correction = ops.concatenate(
        [ops.zeros([batch_labels.shape[0]]), ops.full([drawn.shape[0]], -log_expected)]
    )
    rows = ops.cast(ops.take(classifier, kept, axis=0), "float32")
    logits = ops.matmul(ops.cast(embeddings, "float32"), ops.transpose(rows)) + correction
    own = ops.argmax(
        ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(batch_labels, 0)), axis=1
    )
    return softmax_cross_entropy(ops.where(counts, logits, _LEFT_OUT), own)
