"""HGLMM Fisher vectors of texts: how the words of a text would change a mixture model of all words.

B. Klein, G. Lev, G. Sadeh, L. Wolf, "Associating neural word embeddings with deep image representations using Fisher
vectors", CVPR 2015; features of section 5.3.1 of Y. Liu's thesis: 30 components over word vectors of 300 numbers, so
2 · 30 · 300 = 18,000 numbers, of which 6,000 principal components are kept.

The Fisher vector of words x is the gradient of their mean log likelihood under the mixture, `tfvse.encoders.mixture`,
by each centre c_kd and scale s_kd, over the square root of that parameter's Fisher information. With the component's
responsibility g_k(x), its weight w_k and z = (x_d - c_kd) / s_kd the derivatives of log p(x) are

    Gaussian    by c: g_k z / s          by s: g_k (z² - 1) / s
    Laplacian   by c: g_k sign(z) / s    by s: g_k (|z| - 1) / s

and, where the components hardly overlap, the information is w_k times the mean square of the same without g_k: it is
w_k / s², 2 w_k / s², w_k / s² and w_k / s². So the numbers are

    Gaussian    mean of g_k z / √w_k          and  mean of g_k (z² - 1) / √(2 w_k)
    Laplacian   mean of g_k sign(z) / √w_k    and  mean of g_k (|z| - 1) / √w_k

then the signed square root of each, and the whole at length 1 (Perronnin et al., ECCV 2010).

Ours: the word vectors are taken as they are, where Klein et al. also try an independent component analysis before; and
the components are found from the covariance of all training texts' Fisher vectors, one batch in memory at a time.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tfvse.encoders import mixture, word_vectors
from tfvse.preprocessing.text import RESERVED, TOKENIZERS, Vocabulary

COMPONENTS = 30  # of the mixture


class FisherVectors:
    """Texts to their Fisher vectors, in stock TensorFlow operations.

    Attributes:
      dim: 2 K D, width of a vector.
      resources: what an exported model must hold besides variables.
    """

    def __init__(
        self,
        words: list[str],
        vectors: np.ndarray,
        model: mixture.Mixture,
        tokenizer: str = "words",
    ):
        """vectors: float [len(words), D] of the words that are known; model: over them."""
        self._tokenize = TOKENIZERS[tokenizer]
        self._table = Vocabulary(words).table
        self._vectors = variable(word_vectors.arrange(words, words, vectors))
        self._gaussian = tf.Variable(model.gaussian, trainable=False)
        self._factors, self._weights = variable(model.log_factors), variable(model.weights)
        self._centers, self._scales = variable(model.centers), variable(model.scales)
        self.dim = 2 * model.centers.size
        self.resources = (
            self._table, self._vectors, self._gaussian, self._factors, self._weights, self._centers, self._scales,
        )  # fmt: skip

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """string [B], UTF-8 → float32 [B, dim] of length 1; zeros for a text without a known word."""
        distinct, shares = self._bags(texts)
        summed = tf.matmul(shares, self._statistics(tf.gather(self._vectors, distinct)))
        return tf.math.l2_normalize(
            tf.sign(summed) * tf.sqrt(tf.abs(summed)), axis=1, epsilon=1e-24
        )

    def _bags(self, texts):
        """The rows [U] of the different words of all texts, and each one's share of a text's known words, [B, U]."""
        rows = self._table.lookup(self._tokenize(texts).to_tensor())
        distinct, places = tf.unique(tf.reshape(rows, [-1]))
        size = tf.size(distinct)
        counts = tf.math.bincount(
            tf.reshape(places, tf.shape(rows)), None, size, size, tf.float32, axis=-1
        )
        counts *= tf.cast(distinct >= RESERVED, tf.float32)
        return distinct, counts / tf.maximum(tf.reduce_sum(counts, axis=1, keepdims=True), 1.0)

    def _statistics(self, points):
        """The numbers of the module's text for single words: [U, D] → [U, dim]."""
        z = (points[:, tf.newaxis] - self._centers) / self._scales
        squares, distances = tf.square(z), tf.abs(z)
        exponents = tf.where(self._gaussian, squares / 2.0, distances)
        shares = tf.nn.softmax(self._factors - tf.reduce_sum(exponents, axis=2)) / tf.sqrt(
            self._weights
        )
        by_center = tf.where(self._gaussian, z, tf.sign(z))
        by_scale = tf.where(self._gaussian, (squares - 1.0) / np.sqrt(2.0), distances - 1.0)
        both = tf.concat([by_center, by_scale], axis=2) * shares[:, :, tf.newaxis]
        return tf.reshape(both, [-1, self.dim])


def variable(array: np.ndarray) -> tf.Variable:
    """A float32 variable that no training changes."""
    return tf.Variable(np.asarray(array, np.float32), trainable=False)


@dataclasses.dataclass(
    frozen=True, eq=False
)  # variables have no hash, and tf.function asks for one
class TextEncoder:
    """Principal components of Fisher vectors.

    Attributes:
      name: what it was asked for by.
      fisher: `FisherVectors`.
      mean: float32 variable [fisher.dim].
      axes: float32 variable [fisher.dim, dim], orthonormal columns.
    """

    name: str
    fisher: FisherVectors
    mean: tf.Variable
    axes: tf.Variable

    @property
    def dim(self):
        """Width of a feature."""
        return self.axes.shape[1]

    @property
    def resources(self):
        """What an exported model must hold besides variables."""
        return (*self.fisher.resources, self.mean, self.axes)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """string [B], UTF-8 → float32 [B, dim]."""
        return tf.matmul(self.fisher(texts) - self.mean, self.axes)
