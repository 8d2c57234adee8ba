"""Losses of edge detection: pixels are summed in a picture, as the papers and Caffe do, and pictures are averaged."""

from keras import ops

EDGE, IGNORED = 1, 2  # labels; 0 is no edge


def relaxed_labels(edges, response):
    """Relaxed deep supervision (chapter 3, eqs. 3.1 and 3.2): what a simple detector finds beyond the truth is ignored.

    Args:
      edges: ground truth [B, H, W], 1 edge, 0 none, 2 ignored.
      response: of the detector [B, H, W], zeros and ones.

    Returns:
      Labels [B, H, W] of `edges`' dtype, 0, 1 or 2.
    """
    beyond = ops.logical_and(ops.equal(edges, 0), ops.equal(response, 1))
    return ops.where(beyond, ops.cast(IGNORED, edges.dtype), edges)


def weighted_cross_entropy(logits, labels, positive, negative):
    """Sigmoid cross-entropy with a weight for either class (eq. 3.4, with the sign that makes it a loss).

    Args:
      logits: float32 [B, H, W].
      labels: [B, H, W], 1 edge, 0 none, 2 ignored.
      positive, negative: α and β, floats or [B, 1, 1].

    Returns:
      float32 scalar: sum over a picture's pixels, mean over pictures.
    """
    is_edge = ops.cast(ops.equal(labels, EDGE), "float32")
    is_none = ops.cast(ops.equal(labels, 0), "float32")
    costs = positive * is_edge * ops.softplus(-logits) + negative * is_none * ops.softplus(logits)
    return ops.mean(ops.sum(costs, axis=(1, 2)))


def balanced_cross_entropy(logits, labels):
    """The same with HED's weights (eqs. 2.11 and 2.12): β = share of non-edge pixels for edges, 1 - β for the others.

    β is counted in each picture, without ignored pixels; a picture without edges or full of them costs nothing.
    """
    edges = ops.sum(ops.cast(ops.equal(labels, EDGE), "float32"), axis=(1, 2), keepdims=True)
    others = ops.sum(ops.cast(ops.equal(labels, 0), "float32"), axis=(1, 2), keepdims=True)
    beta = others / ops.maximum(edges + others, 1.0)
    return weighted_cross_entropy(logits, labels, beta, 1.0 - beta)
