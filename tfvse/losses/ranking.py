"""Ranking losses over the similarities of a batch, and the classical triplet losses.

A *similarity* is larger when two samples are closer, a *distance* smaller. Nothing is reduced over the batch.
"""

from keras import ops


def cosine_similarities(queries, gallery):
    """Every query against every gallery vector, eq. 6.1 of Liu's thesis.

    Args:
        queries: [N, D] of any float type.
        gallery: [M, D].

    Returns:
        float32 [N, M] in [-1, 1]; a zero vector is at 0 from everything.
    """
    queries = ops.normalize(ops.cast(queries, "float32"), axis=-1)
    gallery = ops.normalize(ops.cast(gallery, "float32"), axis=-1)
    return ops.matmul(queries, ops.transpose(gallery))


def mean_cosine(embeddings):
    """Mean cosine between two different rows of [B, D], float32 scalar; 1 when all have collapsed to one direction."""
    directions = ops.normalize(ops.cast(embeddings, "float32"), axis=-1)
    count = directions.shape[0]
    # |sum of x|² holds every pair twice, and every row with itself.
    total, own = ops.sum(ops.square(ops.sum(directions, axis=0))), ops.sum(ops.square(directions))
    return (total - own) / (count * (count - 1))


def same_label(labels):
    """bool [B, B]: whether two samples carry the same label (the diagonal is true); labels: int [B]."""
    return ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(labels, 0))


def top_k_hinge(similarities, positives, margin, k):
    """How much the k hardest negatives of each row intrude on its pair.

    Row i is worth `sum over k of max(0, margin - s[i, i] + s[i, j_k])`, where j_k are the k columns most
    similar to row i among those that are no positives of it.

    Args:
        similarities: float [B, B] of a batch of pairs; the pairs stand on the diagonal. B must be known.
        positives: bool [B, B], true where row and column belong together (also another caption of the same
            picture) and so must not serve as a negative. The diagonal must be true.
        margin: float, in units of similarity.
        k: int, number of negatives; a batch of B pairs has B - 1 at most, a row with fewer takes what it has.

    Returns:
        float [B].
    """
    k = min(k, similarities.shape[0] - 1)
    negatives = ops.where(positives, -float("inf"), similarities)
    hardest, _ = ops.top_k(negatives, k)
    pairs = ops.expand_dims(ops.diagonal(similarities), 1)
    return ops.sum(ops.relu(margin - pairs + hardest), axis=1)


def top_k_ranking_loss(similarities, positives, margin, k, alpha):
    """The bidirectional ranking loss with in-batch hard negatives, eqs 6.2, 6.4 and 6.5 of Liu's thesis.

    Rows hold the mapped samples, columns what they must match. In eq. 6.2 `s[i, j] = s(f_I2T(v_i), t_j)`: the
    first term ranks the texts for each mapped image, the second, weighted by alpha, the mapped images for
    each text.

    Args:
        similarities, positives, margin, k: as in `top_k_hinge`.
        alpha: float, the weight of the second direction.

    Returns:
        float [B], one loss per pair, between 0 and `(1 + alpha) * k * (margin + 2)`. An embedding that has
        collapsed to one point scores exactly `(1 + alpha) * k * margin`.
    """
    along_rows = top_k_hinge(similarities, positives, margin, k)
    along_columns = top_k_hinge(ops.transpose(similarities), ops.transpose(positives), margin, k)
    return along_rows + alpha * along_columns


def bi_rank_loss(cross, within, positives, margin, k, cross_weight, intra_weight):
    """One direction of the bi-rank loss, eqs 5.8 and 5.9 of Liu's thesis, in similarities instead of its distances.

    Row i is worth, summed over the k columns j_k that are most similar to it among its negatives,
    `cross_weight * max(0, margin - cross[i, i] + cross[i, j_k])
    + intra_weight * max(0, margin - cross[i, i] + within[i, j_k])`.

    Args:
        cross: float [B, B], the queries (rows) of a batch of pairs against the other modality (columns).
        within: float [B, B], the samples of the other modality among themselves: in 5.8, text against text.
        positives, margin, k: as in `top_k_hinge`.
        cross_weight, intra_weight: alpha_1 and alpha_2; with the second 0 this is the bi-directional loss.

    Returns:
        float [B], between 0 and `(cross_weight + intra_weight) * k * (margin + 2)`.
    """
    k = min(k, cross.shape[0] - 1)
    negatives = ops.where(positives, -float("inf"), cross)
    hardest, columns = ops.top_k(negatives, k)
    pairs = ops.expand_dims(ops.diagonal(cross), 1)
    # A row with fewer than k negatives is padded with positives, which must not count within a modality either.
    intruding = ops.where(
        hardest > -float("inf"), ops.take_along_axis(within, columns, axis=1), -float("inf")
    )
    losses = cross_weight * ops.relu(margin - pairs + hardest) + intra_weight * ops.relu(
        margin - pairs + intruding
    )
    return ops.sum(losses, axis=1)


def euclidean_distances(embeddings, squared=False):
    """float32 [B, B] distances between the rows of [B, D]; the diagonal is exactly 0 and has no gradient."""
    embeddings = ops.cast(embeddings, "float32")
    norms = ops.sum(ops.square(embeddings), axis=1)
    products = ops.matmul(embeddings, ops.transpose(embeddings))
    distances = ops.expand_dims(norms, 1) - 2.0 * products + ops.expand_dims(norms, 0)
    positive = ops.logical_and(
        distances > 0.0, ops.logical_not(ops.eye(embeddings.shape[0], dtype="bool"))
    )
    # The inner `where` keeps the infinite slope of the root at 0 out of the gradient.
    safe = ops.where(positive, distances, 1.0)
    return ops.where(positive, safe if squared else ops.sqrt(safe), 0.0)


def cosine_distances(embeddings):
    """float32 [B, B], one minus the cosine, in [0, 2]; embeddings: [B, D]."""
    return ops.maximum(1.0 - cosine_similarities(embeddings, embeddings), 0.0)


def positive_pairs(labels):
    """bool [B, B]: pairs of two different samples with the same label; labels: int [B]."""
    same = same_label(labels)
    return ops.logical_and(same, ops.logical_not(ops.eye(same.shape[0], dtype="bool")))


def triplet_hard_loss(distances, labels, margin=1.0, soft=False):
    """Each anchor with its farthest positive and its nearest negative (Hermans et al. 2017, "batch hard").

    Args:
        distances: float [B, B], symmetric, not negative.
        labels: int [B]; at least two different ones.
        margin: float, in units of distance.
        soft: log(1 + exp(x)) without a margin instead of max(0, x + margin).

    Returns:
        float [B]; its mean is `TripletHardLoss` of TensorFlow Addons. Without a positive, 0 takes its place.
    """
    farthest_positive = ops.max(ops.where(positive_pairs(labels), distances, 0.0), axis=1)
    nearest_negative = ops.min(ops.where(same_label(labels), float("inf"), distances), axis=1)
    violation = farthest_positive - nearest_negative
    return ops.softplus(violation) if soft else ops.relu(violation + margin)


def triplet_semi_hard_loss(distances, labels, margin=1.0):
    """Each positive pair with the nearest negative that is farther than the positive (Schroff et al. 2015).

    A pair for which no negative is farther than its positive takes the anchor's farthest negative.

    Args:
        distances, labels, margin: as in `triplet_hard_loss`.

    Returns:
        float [B, B], 0 outside `positive_pairs(labels)`; its sum over the number of those pairs is
        `TripletSemiHardLoss` of TensorFlow Addons. Uses memory for B³ numbers.
    """
    negative = ops.logical_not(same_label(labels))
    to_positive, to_negative = ops.expand_dims(distances, 2), ops.expand_dims(distances, 1)
    farther = ops.logical_and(ops.expand_dims(negative, 1), to_negative > to_positive)
    nearest_farther = ops.min(ops.where(farther, to_negative, float("inf")), axis=2)
    farthest = ops.max(ops.where(negative, distances, 0.0), axis=1, keepdims=True)
    chosen = ops.where(ops.any(farther, axis=2), nearest_farther, farthest)
    return ops.where(positive_pairs(labels), ops.relu(distances - chosen + margin), 0.0)
