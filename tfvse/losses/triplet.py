"""The classical triplet losses over the distances of a batch.

A *distance* is smaller when two samples are closer. Nothing is reduced over the batch.
"""

from keras import ops

from tfvse.losses.ranking import cosine_similarities, same_label
from tfvse.typing import Tensor


def euclidean_distances(
    embeddings: Tensor,
    squared: bool = False,
) -> Tensor:
    """Euclidean distances of all pairs of rows.

    Args:
      embeddings: float [B, D].
      squared: whether the root is left out.

    Returns:
      float32 [B, B]. The diagonal is exactly 0 and has no gradient.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import euclidean_distances
      >>> distances = euclidean_distances(ops.array([[0.0, 0.0], [3.0, 4.0]]))
      >>> print(ops.convert_to_numpy(distances))
      [[0. 5.]
       [5. 0.]]
    """
    embeddings = ops.cast(embeddings, "float32")
    norms = ops.sum(ops.square(embeddings), axis=1)
    products = ops.matmul(embeddings, ops.transpose(embeddings))
    rows = ops.expand_dims(norms, 1)
    columns = ops.expand_dims(norms, 0)
    distances = rows - 2.0 * products + columns

    # Rounding may leave a distance below 0.
    off_diagonal = _off_diagonal(embeddings.shape[0])
    positive = ops.logical_and(distances > 0.0, off_diagonal)

    # The inner `where` keeps the infinite slope of the root at 0 out of the gradient.
    safe = ops.where(positive, distances, 1.0)
    if not squared:
        safe = ops.sqrt(safe)
    return ops.where(positive, safe, 0.0)


def cosine_distances(embeddings: Tensor) -> Tensor:
    """One minus the cosine, for all pairs of rows.

    Args:
      embeddings: float [B, D].

    Returns:
      float32 [B, B] in [0, 2].

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import cosine_distances
      >>> distances = cosine_distances(ops.array([[2.0, 0.0], [0.0, 3.0]]))
      >>> print(ops.convert_to_numpy(distances))
      [[0. 1.]
       [1. 0.]]
    """
    similarities = cosine_similarities(embeddings, embeddings)
    return ops.maximum(1.0 - similarities, 0.0)


def positive_pairs(labels: Tensor) -> Tensor:
    """Which pairs of two different samples have the same label.

    Args:
      labels: int [B].

    Returns:
      bool [B, B]; the diagonal is False.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import positive_pairs
      >>> ops.convert_to_numpy(positive_pairs(ops.array([7, 7]))).tolist()
      [[False, True], [True, False]]
    """
    same = same_label(labels)
    different = _off_diagonal(same.shape[0])
    return ops.logical_and(same, different)


def triplet_hard_loss(
    distances: Tensor,
    labels: Tensor,
    margin: float = 1.0,
    soft: bool = False,
) -> Tensor:
    """Each anchor with its farthest positive and its nearest negative.

    Source: "batch hard" of Hermans et al. (2017).

    Args:
      distances: float [B, B], symmetric, at least 0.
      labels: int [B], at least two different ones.
      margin: in units of distance.
      soft: log(1 + exp(x)) without a margin instead of max(0, x + margin).

    Returns:
      float [B]; its mean is `TripletHardLoss` of TensorFlow Addons. For an anchor without a
      positive, the distance 0 takes the positive's place.

    Example:
      Samples at 0, 1 and 3. The first costs 1 - 3 + 2 = 0, the second 1 - 2 + 2 = 1. The third
      has no positive and costs 0 - 2 + 2 = 0.

      >>> from keras import ops
      >>> from tfvse.losses import euclidean_distances, triplet_hard_loss
      >>> distances = euclidean_distances(ops.array([[0.0], [1.0], [3.0]]))
      >>> labels = ops.array([0, 0, 1])
      >>> print(ops.convert_to_numpy(triplet_hard_loss(distances, labels, margin=2.0)))
      [0. 1. 0.]
    """
    positive_distances = ops.where(positive_pairs(labels), distances, 0.0)
    negative_distances = ops.where(same_label(labels), float("inf"), distances)
    farthest_positive = ops.max(positive_distances, axis=1)
    nearest_negative = ops.min(negative_distances, axis=1)

    violation = farthest_positive - nearest_negative
    if soft:
        return ops.softplus(violation)
    return ops.relu(violation + margin)


def triplet_semi_hard_loss(
    distances: Tensor,
    labels: Tensor,
    margin: float = 1.0,
) -> Tensor:
    """Each positive pair with the nearest negative that is farther than the positive.

    Source: Schroff et al. (2015). A pair for which no negative is farther than its positive takes
    the anchor's farthest negative. The function uses memory for B³ numbers.

    Args:
      distances: float [B, B], symmetric, at least 0.
      labels: int [B], at least two different ones.
      margin: in units of distance.

    Returns:
      float [B, B], 0 outside `positive_pairs(labels)`. Its sum over the number of those pairs is
      `TripletSemiHardLoss` of TensorFlow Addons.

    Example:
      Samples at 0, 1 and 3: the anchor 0 has its negative at 3, the anchor 1 at 2.

      >>> from keras import ops
      >>> from tfvse.losses import euclidean_distances, triplet_semi_hard_loss
      >>> distances = euclidean_distances(ops.array([[0.0], [1.0], [3.0]]))
      >>> losses = triplet_semi_hard_loss(distances, ops.array([0, 0, 1]), margin=3.0)
      >>> print(ops.convert_to_numpy(losses))
      [[0. 1. 0.]
       [2. 0. 0.]
       [0. 0. 0.]]
    """
    negative = ops.logical_not(same_label(labels))

    # [anchor, positive, negative]: which negatives are farther than the positive.
    to_positive = ops.expand_dims(distances, 2)
    to_negative = ops.expand_dims(distances, 1)
    is_negative = ops.expand_dims(negative, 1)
    farther = ops.logical_and(is_negative, to_negative > to_positive)

    farther_distances = ops.where(farther, to_negative, float("inf"))
    nearest_farther = ops.min(farther_distances, axis=2)
    negative_distances = ops.where(negative, distances, 0.0)
    farthest = ops.max(negative_distances, axis=1, keepdims=True)

    has_farther = ops.any(farther, axis=2)
    chosen = ops.where(has_farther, nearest_farther, farthest)

    losses = ops.relu(distances - chosen + margin)
    return ops.where(positive_pairs(labels), losses, 0.0)


def _off_diagonal(count: int) -> Tensor:
    """bool [count, count], False on the diagonal."""
    return ops.logical_not(ops.eye(count, dtype="bool"))
