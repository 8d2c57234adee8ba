"""HGLMM Fisher vectors of texts: how the words of a text would change a mixture of all words.

B. Klein, G. Lev, G. Sadeh, L. Wolf, "Associating neural word embeddings with deep image
representations using Fisher vectors", CVPR 2015. They are the features of section 5.3.1 of Y. Liu's
thesis: 30 components over word vectors of 300 dimensions give 2 · 30 · 300 = 18,000 numbers, of
which 6,000 principal components are kept.

The Fisher vector of words x is a gradient of their mean log likelihood under the mixture of
`tfvse.encoders.mixture`. It is taken by each centre c_kd and scale s_kd, and divided by the square
root of that parameter's Fisher information. Let g_k(x) be the component's responsibility, w_k its
weight, and z = (x_d - c_kd) / s_kd. Then the derivatives of log p(x) are

    Gaussian    by c: g_k z / s          by s: g_k (z² - 1) / s
    Laplacian   by c: g_k sign(z) / s    by s: g_k (|z| - 1) / s

Where the components hardly overlap, the information is w_k times the mean square of the same
without g_k: w_k / s², 2 w_k / s², w_k / s² and w_k / s². So the numbers are

    Gaussian    mean of g_k z / √w_k          and  mean of g_k (z² - 1) / √(2 w_k)
    Laplacian   mean of g_k sign(z) / √w_k    and  mean of g_k (|z| - 1) / √w_k

Last come the signed square root of each, and a scaling of the whole to length 1 (Perronnin et al.,
ECCV 2010).

Two things differ from Klein et al. The word vectors have no independent component analysis before.
The principal components come from the covariance of all training texts' Fisher vectors, one batch
in memory at a time.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfvse.encoders import mixture, word_vectors
from tfvse.preprocessing.text import RESERVED, TOKENIZERS, Vocabulary
from tfvse.typing import Array

COMPONENTS = 30  # of the mixture


class FisherVectors:
    """Turns texts into their Fisher vectors, in stock TensorFlow ops.

    Attributes:
      dim: 2 K D, width of a vector.
      resources: what an exported model must hold besides variables.
    """

    def __init__(
        self,
        words: list[str],
        vectors: Array,
        model: mixture.Mixture,
        tokenizer: str = "words",
    ) -> None:
        """Takes the words that are known.

        Args:
          words: N of them.
          vectors: float [N, D].
          model: K components over the vectors.
          tokenizer: a name in `TOKENIZERS`.
        """
        self._tokenize = TOKENIZERS[tokenizer]
        self._table = Vocabulary(words).table
        self._vectors = variable(word_vectors.arrange(words, words, vectors))
        self._gaussian = tf.Variable(model.gaussian, trainable=False)
        self._factors = variable(model.log_factors)
        self._weights = variable(model.weights)
        self._centers = variable(model.centers)
        self._scales = variable(model.scales)
        self.dim = 2 * model.centers.size
        self.resources = (
            self._table,
            self._vectors,
            self._gaussian,
            self._factors,
            self._weights,
            self._centers,
            self._scales,
        )

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Computes Fisher vectors.

        Args:
          texts: string [B], UTF-8.

        Returns:
          float32 [B, dim] of length 1; zeros for a text without a known word.
        """
        distinct, shares = self._bags(texts)
        statistics = self._statistics(tf.gather(self._vectors, distinct))
        summed = tf.matmul(shares, statistics)
        rooted = tf.sign(summed) * tf.sqrt(tf.abs(summed))
        return tf.math.l2_normalize(
            rooted,
            axis=1,
            epsilon=1e-24,
        )

    def _bags(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The different words of texts, string [B], and how often they stand in each.

        Returns:
          (rows of the words int64 [U], each one's share of a text's known words float32 [B, U]).
        """
        rows = self._table.lookup(self._tokenize(texts).to_tensor())
        distinct, places = tf.unique(tf.reshape(rows, [-1]))
        size = tf.size(distinct)
        per_text = tf.reshape(places, tf.shape(rows))
        counts = tf.math.bincount(per_text, None, size, size, tf.float32, axis=-1)

        counts *= tf.cast(distinct >= RESERVED, tf.float32)
        total = tf.maximum(
            tf.reduce_sum(
                counts,
                axis=1,
                keepdims=True,
            ),
            1.0,
        )
        return distinct, counts / total

    def _statistics(self, points: tf.Tensor) -> tf.Tensor:
        """The numbers of the module's text for single words: float32 [U, D] → [U, dim]."""
        z = (points[:, tf.newaxis] - self._centers) / self._scales
        squares = tf.square(z)
        distances = tf.abs(z)
        exponents = tf.where(self._gaussian, squares / 2.0, distances)
        likelihoods = self._factors - tf.reduce_sum(exponents, axis=2)
        shares = tf.nn.softmax(likelihoods) / tf.sqrt(self._weights)

        by_center = tf.where(self._gaussian, z, tf.sign(z))
        by_scale = tf.where(self._gaussian, (squares - 1.0) / np.sqrt(2.0), distances - 1.0)
        both = tf.concat([by_center, by_scale], axis=2) * shares[:, :, tf.newaxis]
        return tf.reshape(both, [-1, self.dim])


def variable(array: Array | Sequence[float]) -> tf.Variable:
    """Makes a float32 variable of any shape that no training changes."""
    return tf.Variable(np.asarray(array, np.float32), trainable=False)


# Without `eq`, since variables have no hash and tf.function asks for one.
@dataclasses.dataclass(frozen=True, eq=False)
class TextEncoder:
    """Principal components of Fisher vectors.

    Attributes:
      name: what it was asked for by.
      fisher: string [B] → float32 [B, F].
      mean: float32 variable [F].
      axes: float32 variable [F, dim], orthonormal columns.
    """

    name: str
    fisher: FisherVectors
    mean: tf.Variable
    axes: tf.Variable

    @property
    def dim(self) -> int:
        """Width of a feature."""
        return self.axes.shape[1]

    @property
    def resources(self) -> tuple[Any, ...]:
        """What an exported model must hold besides variables."""
        return (*self.fisher.resources, self.mean, self.axes)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Encodes texts: string [B], UTF-8 → float32 [B, dim]."""
        return tf.matmul(self.fisher(texts) - self.mean, self.axes)
