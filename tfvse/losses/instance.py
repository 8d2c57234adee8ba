"""Instance loss: an image and its texts form a class of their own, and one classifier serves both.

Source: Z. Zheng et al., "Dual-Path Convolutional Image-Text Embedding" (arXiv 1711.05535). The
classifier is a matrix with one row for each class. Nothing is reduced over the batch.
"""

import math

from keras import ops

from tfvse.losses.classification import softmax_cross_entropy
from tfvse.typing import Tensor

# The logit of a class that is left out.  Not minus infinity, whose product with 0 is NaN.
_LEFT_OUT = -1e9


def instance_loss(
    embeddings: Tensor,
    classifier: Tensor,
    labels: Tensor,
) -> Tensor:
    """−log softmax over all classes of each embedding's class.

    It takes memory for the logits [B, C] and, in training, for a gradient [C, D].

    Args:
      embeddings: float [B, D] of images or of texts.
      classifier: float [C, D], one row for each class.
      labels: int [B], in 0 … C - 1.

    Returns:
      float32 [B], at least 0 (natural logarithm).

    Example:
      The logits are (1, 0, -1) and cost log(e + 1 + 1/e) - 1 = 0.408:

      >>> from keras import ops
      >>> from tfvse.losses import instance_loss
      >>> classifier = ops.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
      >>> losses = instance_loss(ops.array([[1.0, 0.0]]), classifier, ops.array([0]))
      >>> print(ops.convert_to_numpy(losses).round(3))
      [0.408]
    """
    logits = _logits(embeddings, classifier)
    return softmax_cross_entropy(logits, labels)


def sampled_instance_loss(
    embeddings: Tensor,
    classifier: Tensor,
    labels: Tensor,
    batch_labels: Tensor,
    drawn: Tensor,
) -> Tensor:
    """The instance loss with the sum over all classes estimated from a sample of them.

    The sample holds the classes of the batch and S drawn ones. The exponentials of the drawn
    classes outside the batch, times C / S, equal on average those of all classes outside the
    batch. So log(C / S) is added to their logits. With S = C this is `instance_loss`.

    It takes memory for the logits [B, G + S]; the gradient of the classifier has G + S rows.

    Args:
      embeddings: float [B, D] of images or of texts.
      classifier: float [C, D], one row for each class.
      labels: int [B], in 0 … C - 1.
      batch_labels: int [G], the classes that are always in the sum; they hold those of `labels`.
      drawn: int [S], different classes, each as probable as any other.

    Returns:
      float32 [B].

    Example:
      All classes are drawn, so that the loss is that of `instance_loss`:

      >>> from keras import ops
      >>> from tfvse.losses import sampled_instance_loss
      >>> classifier = ops.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
      >>> embeddings = ops.array([[1.0, 0.0]])
      >>> labels = ops.array([0])
      >>> drawn = ops.array([2, 0, 1])
      >>> losses = sampled_instance_loss(embeddings, classifier, labels, labels, drawn)
      >>> print(ops.convert_to_numpy(losses).round(3))
      [0.408]
    """
    sample = ops.concatenate([batch_labels, drawn])
    rows = ops.take(classifier, sample, axis=0)
    logits = _logits(embeddings, rows)

    # How often a class outside the batch is expected among the drawn.
    count = drawn.shape[0]
    expected = count / classifier.shape[0]
    for_batch = ops.zeros([batch_labels.shape[0]])
    for_drawn = ops.full([count], -math.log(expected))
    logits = logits + ops.concatenate([for_batch, for_drawn])

    counted = _counted_once(sample, batch_labels)
    logits = ops.where(counted, logits, _LEFT_OUT)

    own = ops.argmax(_equal_pairs(labels, batch_labels), axis=1)
    return softmax_cross_entropy(logits, own)


def _logits(embeddings: Tensor, rows: Tensor) -> Tensor:
    """float32 [B, R]: products of embeddings [B, D] with rows of the classifier [R, D]."""
    embeddings = ops.cast(embeddings, "float32")
    rows = ops.cast(rows, "float32")
    return ops.matmul(embeddings, ops.transpose(rows))


def _counted_once(sample: Tensor, batch_labels: Tensor) -> Tensor:
    """bool [G + S]: which members of the sample count, so that each class counts once.

    A class of the batch counts where it comes first in the batch; another where it was drawn.
    """
    same = _equal_pairs(sample, batch_labels)
    first = ops.argmax(same, axis=1)
    is_first = ops.equal(first, ops.arange(sample.shape[0]))
    in_batch = ops.any(same, axis=1)
    return ops.logical_or(is_first, ops.logical_not(in_batch))


def _equal_pairs(a: Tensor, b: Tensor) -> Tensor:
    """bool [A, B]: which elements of int [A] and int [B] are equal."""
    rows = ops.expand_dims(a, 1)
    columns = ops.expand_dims(b, 0)
    return ops.equal(rows, columns)
