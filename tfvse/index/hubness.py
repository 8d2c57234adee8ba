"""Hubness: some candidates are close to every query, and their scores are lowered by that.

This is the cross-domain similarity local scaling of A. Conneau et al., "Word translation without
parallel data" (ICLR 2018), with training samples in place of the queries to come. Its term of the
query is left out, since it changes no order.
"""

import numpy as np

from tfvse.index.similarity import BATCH, Embeddings, Scorer

MOST_QUERIES = 10_000  # training samples of a modality that stand for queries


def hubness(
    queries: Embeddings,
    gallery: Embeddings,
    fusion: str,
    neighbours: int,
) -> np.ndarray:
    """Half the mean of every candidate's highest scores.

    Args:
      queries: embedded training samples of the other modality, part → float32 [Q, D].
      gallery: embedded candidates, part → float32 [N, D].
      fusion: see `late_fusion`.
      neighbours: how many of the highest scores, above 0.

    Returns:
      float32 [N], to be subtracted from the candidates' scores.
    """
    scorer = Scorer(queries, gallery, fusion)
    best = scorer(slice(0, 0), slice(None))
    for start in range(0, scorer.count, BATCH):
        scores = scorer(slice(start, start + BATCH), slice(None))
        best = np.sort(np.concatenate([best, scores]), axis=0)[-neighbours:]
    return best.mean(axis=0) / 2


def spread_rows(
    count: int,
    most: int = MOST_QUERIES,
) -> np.ndarray:
    """Rows that are evenly spread over `count`: int64 [R], R is at most `most`."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
