"""The score of embedded queries and candidates: cosines of their parts, fused, lowered for hubs.

Embeddings are dicts: name of a part → float32 [N, D], rows of length 1. A cosine is then a product.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from tfvse.index.fusion import late_fusion

BATCH = 500  # features or texts that are embedded at once
IMAGE_BATCH = 32  # images that are embedded from their pixels at once

Embeddings = Mapping[str, np.ndarray]
Rows = slice | np.ndarray


def embed_in_batches(
    function: Callable[[Any], Mapping[str, Any]],
    inputs: Any,
    rows: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Embeds an array of any length, or some of its rows.

    Args:
      function: float32 or int32 tensor [B, …] → name of a part → [B, D].
      inputs: array-like [N, …] of such rows; four axes mean pixels.
      rows: int64 [M], which of them; None: all.

    Returns:
      name → float32 [M, D].
    """
    import tensorflow as tf

    compiled = tf.function(function, reduce_retracing=True)
    size = IMAGE_BATCH if len(inputs.shape) == 4 else BATCH
    if rows is None:
        rows = np.arange(len(inputs))

    batches = []
    for start in range(0, len(rows), size):
        batches.append(compiled(tf.constant(inputs[rows[start : start + size]])))
    embedded = {}
    for name in batches[0]:
        embedded[name] = np.concatenate([batch[name] for batch in batches])
    return embedded


class Scorer:
    """Scores queries against a gallery, any rows of either.

    Calling it with (rows of the queries, rows of the gallery), each a slice or int array, gives
    float32 [rows, rows], larger where they are closer.
    """

    def __init__(
        self,
        queries: Embeddings,
        gallery: Embeddings,
        fusion: str = "average",
        hubness: np.ndarray | float = 0.0,
    ) -> None:
        """Takes embedded queries and candidates.

        Args:
          queries: part → float32 [Q, D], rows of length 1.
          gallery: part → float32 [N, D], the same parts.
          fusion: of the parts' scores, see `late_fusion`.
          hubness: float32 [N], subtracted from the scores of each candidate; 0.0: nothing.
        """
        self.queries = queries
        self.gallery = gallery
        self.fusion = fusion
        self.count = len(next(iter(queries.values())))
        size = len(next(iter(gallery.values())))
        self.hubness = np.broadcast_to(np.float32(hubness), size)

    def __call__(
        self,
        rows: Rows,
        columns: Rows,
    ) -> np.ndarray:
        """float32 [rows, columns]: the fused score of each pair, less the candidate's hubness."""
        scores = []
        for part, embedded in self.queries.items():
            scores.append(embedded[rows] @ self.gallery[part][columns].T)
        fused = ops.convert_to_numpy(late_fusion(scores, self.fusion))
        return fused - self.hubness[columns]

    def best(
        self,
        rows: Rows,
        k: int,
    ) -> np.ndarray:
        """The gallery's rows with the highest scores, best first: int64 [R, k] for R queries."""
        return np.argsort(-self(rows, slice(None)), axis=1)[:, :k]
