"""A gallery inside an exported model: candidates as variables, searched by stock ops."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfvse.index.fusion import late_fusion
from tfvse.index.similarity import Embeddings


class Gallery:
    """Candidates that a signature searches.

    Attributes:
      embeddings: part → float32 variable [N, D].
      hubness: float32 variable, scalar or [N].
    """

    def __init__(
        self,
        embeddings: Embeddings,
        fusion: str,
        hubness: np.ndarray | float = 0.0,
    ) -> None:
        """Takes embedded candidates.

        Args:
          embeddings: part → float32 [N, D], rows of length 1.
          fusion: of the parts' scores, see `late_fusion`.
          hubness: float32 [N], subtracted from the scores of each candidate; 0.0: nothing.
        """
        self.fusion = fusion
        self.embeddings = {}
        for part, rows in embeddings.items():
            self.embeddings[part] = tf.Variable(rows, trainable=False)
        self.hubness = tf.Variable(
            hubness,
            trainable=False,
            dtype=tf.float32,
        )

    def best(
        self,
        queries: Mapping[str, tf.Tensor],
        k: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The closest candidates.

        Args:
          queries: part → float32 [B, D].
          k: int32 scalar, clipped to 1 … N.

        Returns:
          (scores float32 [B, k], rows int32 [B, k]), best first.
        """
        scores = []
        for part, rows in self.embeddings.items():
            scores.append(tf.matmul(queries[part], rows, transpose_b=True))
        return top_k(late_fusion(scores, self.fusion) - self.hubness, k)


def top_k(
    scores: tf.Tensor,
    k: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The best columns of every row.

    Args:
      scores: float32 [B, N], larger is better.
      k: int32 scalar, clipped to 1 … N.

    Returns:
      (scores float32 [B, k], columns int32 [B, k]), best first.
    """
    return tf.math.top_k(scores, tf.clip_by_value(k, 1, tf.shape(scores)[1]))
