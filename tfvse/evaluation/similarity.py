"""How alike pictures and texts are: their cosines, late fusion, and scores lowered for hubs."""

import numpy as np
from keras import ops

BATCH, BATCH_OF_PICTURES = (
    500,
    32,
)  # features or texts, and pictures from their pixels, embedded at once
HUB_QUERIES = 10_000  # training samples of either modality that stand for queries, at most


def in_batches(function, inputs, rows=None):
    """Embeds an array of any length, or `rows` of it.

    Args:
      function: float32 or int32 [B, …] → name of a part → [B, D].
      inputs: such inputs, [N, …].
      rows: int64 [M], which of them; None: all.

    Returns:
      name → np.float32 [M, D].
    """
    import tensorflow as tf

    graph = tf.function(function, reduce_retracing=True)
    size = BATCH_OF_PICTURES if len(inputs.shape) == 4 else BATCH
    rows = np.arange(len(inputs)) if rows is None else rows
    batches = [graph(tf.constant(inputs[rows[i : i + size]])) for i in range(0, len(rows), size)]
    return {name: np.concatenate([batch[name].numpy() for batch in batches]) for name in batches[0]}


def late_fusion(scores, fusion):
    """Fuses the scores of queries with a whole gallery, section 6.3.4 of Liu's thesis.

    Args:
      scores: list of float [Q, N], cosines in [-1, 1].
      fusion: "average" (eq. 6.8), or "adaptive" (eqs 6.9-6.11): every query weights a score by one over the positive
        area under its curve, so the N columns must be the whole gallery.

    Returns:
      float [Q, N], in [-1, 1].
    """
    if fusion == "average":
        return sum(scores) / len(scores)
    areas = [ops.sum(ops.relu(score), axis=1, keepdims=True) for score in scores]
    weights = [1.0 / ops.maximum(area, 1e-6) for area in areas]
    return sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights)


def scorer(system, queries, gallery, lowered=0.0):
    """How a matching system scores queries against a gallery.

    Args:
      system: its config names the parts and their fusion.
      queries, gallery: embedded by it, name → np.float32 [Q or N, D].
      lowered: np.float32 [N], subtracted from the scores of each sample of the gallery (`hubness`).

    Returns:
      A callable (rows of the queries, rows of the gallery; slices) → np.float32 [rows, rows].
    """
    lowered = np.broadcast_to(np.float32(lowered), len(next(iter(gallery.values()))))

    def score(rows, columns):
        scores = [queries[name][rows] @ gallery[name][columns].T for name in system.config.parts]
        return ops.convert_to_numpy(late_fusion(scores, system.config.fusion)) - lowered[columns]

    return score


def hubness(system, data, images, texts):
    """How much the scores of embedded pictures and texts are to be lowered, since some are close to everything.

    Half the mean score with the `hub_neighbours` closest training samples of the other modality: the cross-domain
    similarity local scaling of A. Conneau et al., "Word translation without parallel data" (ICLR 2018), with the
    training samples for the queries to come. Its term of the query is left out, as it changes no order.

    Args:
      system: a matching system whose config has `hub_neighbours` above 0.
      data: loaded data set; of its training split the known texts and their pictures are taken, at most `HUB_QUERIES`.
      images, texts: embedded by the system, name → np.float32 [N or T, D].

    Returns:
      (np.float32 [N] of the pictures, np.float32 [T] of the texts).
    """
    train, known = data.split("train"), data.known_texts
    pictures = np.unique(train.image_of_text[known])
    text_queries = in_batches(system.embed_texts, train.text_inputs(), known[_spread(len(known))])
    image_queries = in_batches(
        system.embed_images, train.image_inputs(), pictures[_spread(len(pictures))]
    )
    return _half_closeness(system, text_queries, images), _half_closeness(
        system, image_queries, texts
    )


def _spread(count):
    """At most `HUB_QUERIES` rows of `count`, evenly spread: int64."""
    return np.linspace(0, count - 1, min(count, HUB_QUERIES)).round().astype(np.int64)


def _half_closeness(system, queries, gallery):
    """Half the mean of every candidate's highest scores, `hub_neighbours` of them: np.float32 [N]."""
    count, score = len(next(iter(queries.values()))), scorer(system, queries, gallery)
    best = score(slice(0, 0), slice(None))
    for start in range(0, count, BATCH):
        scores = score(slice(start, start + BATCH), slice(None))
        best = np.sort(np.concatenate([best, scores]), axis=0)[-system.config.hub_neighbours :]
    return best.mean(axis=0) / 2
