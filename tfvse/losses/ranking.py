"""Ranking losses over the similarities of a batch.

A *similarity* is larger when two samples are closer. Nothing is reduced over the batch.
"""

from keras import ops

from tfvse.typing import Tensor

_NEVER = -float("inf")  # the similarity of a pair that must not be chosen


def cosine_similarities(queries: Tensor, gallery: Tensor) -> Tensor:
    """Cosine of every query with every gallery vector (eq. 6.1 of Liu's thesis).

    Args:
      queries: float [N, D].
      gallery: float [M, D].

    Returns:
      float32 [N, M] in [-1, 1]. A zero vector has similarity 0 with everything.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import cosine_similarities
      >>> gallery = ops.array([[4.0, 3.0], [-3.0, -4.0]])
      >>> similarities = cosine_similarities(ops.array([[3.0, 4.0]]), gallery)
      >>> print(ops.convert_to_numpy(similarities).round(3))
      [[ 0.96 -1.  ]]
    """
    queries = _directions(queries)
    gallery = _directions(gallery)
    return ops.matmul(queries, ops.transpose(gallery))


def mean_cosine(embeddings: Tensor) -> Tensor:
    """Mean cosine of two different rows; 1 when all rows point in one direction.

    Args:
      embeddings: float [B, D].

    Returns:
      float32 scalar in [-1, 1].

    Example:
      The directions are (1, 0), (0, 1), (1, 0), their cosines 0, 1 and 0:

      >>> from keras import ops
      >>> from tfvse.losses import mean_cosine
      >>> round(float(mean_cosine(ops.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]))), 3)
      0.333
    """
    directions = _directions(embeddings)
    count = directions.shape[0]

    # The squared length of their sum holds every pair twice, and every row with itself.
    resultant = ops.sum(directions, axis=0)
    total = ops.sum(ops.square(resultant))
    own = ops.sum(ops.square(directions))
    return (total - own) / (count * (count - 1))


def same_label(labels: Tensor) -> Tensor:
    """Which pairs of samples have the same label.

    Args:
      labels: int [B].

    Returns:
      bool [B, B]; the diagonal is True.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import same_label
      >>> ops.convert_to_numpy(same_label(ops.array([7, 3, 7]))).tolist()
      [[True, False, True], [False, True, False], [True, False, True]]
    """
    rows = ops.expand_dims(labels, 1)
    columns = ops.expand_dims(labels, 0)
    return ops.equal(rows, columns)


def top_k_hinge(
    similarities: Tensor,
    positives: Tensor,
    margin: float,
    k: int,
) -> Tensor:
    """How far the k hardest negatives of each row violate the margin to its pair.

    The loss of row i is `sum over k of max(0, margin - s[i, i] + s[i, j_k])`. The k columns j_k
    are the most similar to row i among those that are not its positives.

    Args:
      similarities: float [B, B] of a batch of pairs, which stand on the diagonal. B must be known.
      positives: bool [B, B], True where row and column belong together and so must not serve as a
        negative, as with two captions of one image. The diagonal must be True.
      margin: in units of similarity.
      k: number of negatives, at most B - 1. A row with fewer takes those it has.

    Returns:
      float [B].

    Example:
      The first row costs 0.1 - 0.9 + 0.85, the second 0.1 - 0.5 + 0.45:

      >>> from keras import ops
      >>> from tfvse.losses import top_k_hinge
      >>> similarities = ops.array([[0.9, 0.85], [0.45, 0.5]])
      >>> losses = top_k_hinge(similarities, ops.eye(2, dtype="bool"), margin=0.1, k=1)
      >>> print(ops.convert_to_numpy(losses).round(3))
      [0.05 0.05]
    """
    hardest, _ = _hardest_negatives(similarities, positives, k)
    pairs = _pairs(similarities)
    violations = ops.relu(margin - pairs + hardest)
    return ops.sum(violations, axis=1)


def top_k_ranking_loss(
    similarities: Tensor,
    positives: Tensor,
    margin: float,
    k: int,
    alpha: float,
) -> Tensor:
    """Bidirectional ranking loss with hard negatives of the batch.

    Source: eqs. 6.2, 6.4 and 6.5 of Liu's thesis. Rows are the mapped samples, columns what they
    must match; in eq. 6.2 `s[i, j] = s(f_I2T(v_i), t_j)`. The first term ranks the texts for each
    mapped image. The second, weighted by alpha, ranks the mapped images for each text.

    Args:
      similarities: float [B, B] of a batch of pairs, as in `top_k_hinge`.
      positives: bool [B, B], as in `top_k_hinge`.
      margin: in units of similarity.
      k: number of negatives.
      alpha: weight of the second direction.

    Returns:
      float [B], one loss a pair, between 0 and `(1 + alpha) * k * (margin + 2)`. An embedding
      that has collapsed to one point costs exactly `(1 + alpha) * k * margin`.

    Example:
      A collapsed embedding, (1 + 2) · 1 · 0.1:

      >>> from keras import ops
      >>> from tfvse.losses import top_k_ranking_loss
      >>> positives = ops.eye(3, dtype="bool")
      >>> losses = top_k_ranking_loss(ops.ones((3, 3)), positives, margin=0.1, k=1, alpha=2.0)
      >>> print(ops.convert_to_numpy(losses).round(3))
      [0.3 0.3 0.3]
    """
    along_rows = top_k_hinge(similarities, positives, margin, k)
    along_columns = top_k_hinge(
        ops.transpose(similarities),
        ops.transpose(positives),
        margin,
        k,
    )
    return along_rows + alpha * along_columns


def bi_rank_loss(
    cross: Tensor,
    within: Tensor,
    positives: Tensor,
    margin: float,
    k: int,
    cross_weight: float,
    intra_weight: float,
) -> Tensor:
    """One direction of the bi-rank loss.

    Source: eqs. 5.8 and 5.9 of Liu's thesis, in similarities instead of its distances. The loss of
    row i is summed over the k columns j_k that are most similar to it among its negatives:

        cross_weight * max(0, margin - cross[i, i] + cross[i, j_k])
        + intra_weight * max(0, margin - cross[i, i] + within[i, j_k])

    Args:
      cross: float [B, B], the queries (rows) of a batch of pairs with the other modality (columns).
      within: float [B, B], the samples of the other modality among themselves; in eq. 5.8 texts
        with texts.
      positives: bool [B, B], as in `top_k_hinge`.
      margin: in units of similarity.
      k: number of negatives.
      cross_weight: alpha_1.
      intra_weight: alpha_2. With 0 this is the bidirectional loss.

    Returns:
      float [B], between 0 and `(cross_weight + intra_weight) * k * (margin + 2)`.

    Example:
      The first row costs (0.5 - 0.9 + 0.6) + 0.5 · (0.5 - 0.9 + 0.7) = 0.2 + 0.15:

      >>> from keras import ops
      >>> from tfvse.losses import bi_rank_loss
      >>> cross = ops.array([[0.9, 0.6], [0.1, 0.9]])
      >>> within = ops.array([[1.0, 0.7], [0.7, 1.0]])
      >>> positives = ops.eye(2, dtype="bool")
      >>> losses = bi_rank_loss(
      ...     cross, within, positives, margin=0.5, k=1, cross_weight=1.0, intra_weight=0.5
      ... )
      >>> print(ops.convert_to_numpy(losses).round(3))
      [0.35 0.15]
    """
    hardest, columns = _hardest_negatives(cross, positives, k)
    intruding = ops.take_along_axis(within, columns, axis=1)

    # A row with fewer than k negatives is filled up with positives.  They must not count within
    # the modality either.
    intruding = ops.where(hardest > _NEVER, intruding, _NEVER)

    pairs = _pairs(cross)
    cross_losses = cross_weight * ops.relu(margin - pairs + hardest)
    intra_losses = intra_weight * ops.relu(margin - pairs + intruding)
    return ops.sum(cross_losses + intra_losses, axis=1)


def _directions(vectors: Tensor) -> Tensor:
    """Vectors [N, D] scaled to length 1, in float32; a zero vector stays zero."""
    vectors = ops.cast(vectors, "float32")
    return ops.normalize(vectors, axis=-1)


def _pairs(similarities: Tensor) -> Tensor:
    """The similarities of the pairs, [B, 1], from the diagonal of [B, B]."""
    diagonal = ops.diagonal(similarities)
    return ops.expand_dims(diagonal, 1)


def _hardest_negatives(
    similarities: Tensor,
    positives: Tensor,
    k: int,
) -> tuple[Tensor, Tensor]:
    """Similarities and columns of the k most similar negatives of each row, [B, k] each.

    A row with fewer negatives is filled up with -inf.
    """
    k = min(k, similarities.shape[0] - 1)
    negatives = ops.where(positives, _NEVER, similarities)
    return ops.top_k(negatives, k)
