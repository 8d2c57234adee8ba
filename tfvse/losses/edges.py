"""Losses of edge detection, summed over the pixels of an image and averaged over images.

The papers and their Caffe code reduce in this way.
"""

from keras import ops

from tfvse.typing import Tensor

NO_EDGE = 0
EDGE = 1
IGNORED = 2


def relaxed_labels(edges: Tensor, response: Tensor) -> Tensor:
    """Relaxed deep supervision: ignores what a simple detector finds beyond the ground truth.

    Source: chapter 3 of the thesis, eqs. 3.1 and 3.2.

    Args:
      edges: ground truth [B, H, W]: 1 edge, 0 none, 2 ignored.
      response: of the simple detector [B, H, W], zeros and ones.

    Returns:
      Labels [B, H, W] of the dtype of `edges`: 0, 1 or 2.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import relaxed_labels
      >>> edges = ops.array([[[1, 1, 0, 0]]])
      >>> response = ops.array([[[1, 0, 1, 0]]])
      >>> print(ops.convert_to_numpy(relaxed_labels(edges, response)))
      [[[1 1 2 0]]]
    """
    is_none = ops.equal(edges, NO_EDGE)
    is_found = ops.equal(response, 1)
    beyond = ops.logical_and(is_none, is_found)
    ignored = ops.cast(IGNORED, edges.dtype)
    return ops.where(beyond, ignored, edges)


def weighted_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    positive: float | Tensor,
    negative: float | Tensor,
) -> Tensor:
    """Sigmoid cross-entropy with a weight for each class.

    Source: chapter 3 of the thesis, eq. 3.4, with the sign that makes it a loss.

    Args:
      logits: float32 [B, H, W].
      labels: [B, H, W]: 1 edge, 0 none, 2 ignored.
      positive: α, the weight of edges; float or [B, 1, 1].
      negative: β, the weight of pixels that are none; float or [B, 1, 1].

    Returns:
      float32 scalar: sum over the pixels of an image, mean over images.

    Example:
      A logit of 0 costs ln 2: 9 · 1 edge and 1 · 2 others are 11 ln 2. The ignored costs nothing.

      >>> from keras import ops
      >>> from tfvse.losses import weighted_cross_entropy
      >>> labels = ops.array([[[1, 0, 0, 2]]])
      >>> loss = weighted_cross_entropy(ops.zeros((1, 1, 4)), labels, 9.0, 1.0)
      >>> round(float(loss) / 0.693147, 3)
      11.0
    """
    is_edge = _has_label(labels, EDGE)
    is_none = _has_label(labels, NO_EDGE)
    cost_of_edges = positive * is_edge * ops.softplus(-logits)
    cost_of_others = negative * is_none * ops.softplus(logits)
    by_pixel = cost_of_edges + cost_of_others
    by_image = ops.sum(by_pixel, axis=(1, 2))
    return ops.mean(by_image)


def balanced_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Sigmoid cross-entropy with the weights of HED (eqs. 2.11 and 2.12 of chapter 2).

    β, the share of non-edge pixels, weights edges; 1 - β weights the others. β is counted in each
    image without its ignored pixels. An image of one class only costs nothing.

    Args:
      logits: float32 [B, H, W].
      labels: [B, H, W]: 1 edge, 0 none, 2 ignored.

    Returns:
      float32 scalar: sum over the pixels of an image, mean over images.

    Example:
      One edge weighs 3/4, each of three others 1/4: (1 · 3/4 + 3 · 1/4) ln 2 at logits of 0.

      >>> from keras import ops
      >>> from tfvse.losses import balanced_cross_entropy
      >>> loss = balanced_cross_entropy(ops.zeros((1, 1, 4)), ops.array([[[1, 0, 0, 0]]]))
      >>> round(float(loss) / 0.693147, 3)
      1.5
    """
    edges = _count(labels, EDGE)
    others = _count(labels, NO_EDGE)
    beta = others / ops.maximum(edges + others, 1.0)
    return weighted_cross_entropy(logits, labels, beta, 1.0 - beta)


def _has_label(labels: Tensor, label: int) -> Tensor:
    """1 where labels [B, H, W] have a value and 0 elsewhere: float32 [B, H, W]."""
    found = ops.equal(labels, label)
    return ops.cast(found, "float32")


def _count(labels: Tensor, label: int) -> Tensor:
    """How many pixels of each image have a label: float32 [B, 1, 1]."""
    found = _has_label(labels, label)
    return ops.sum(found, axis=(1, 2), keepdims=True)
