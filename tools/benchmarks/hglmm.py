"""HGLMM Fisher vectors in TensorFlow operations against plain NumPy, one text after the other."""

import numpy as np
import tensorflow as tf

from benchmarks import timing
from tfvse.encoders import hglmm
from tfvse.encoders.mixture import Mixture
from tfvse.typing import Array

WORDS = 5_000
TEXT_WORDS = 12
TEXTS = 64
DIMS = (50, 300)  # of a word vector


def measure(rounds: int) -> timing.Section:
    """Time of a batch of texts, for each number of dimensions of the word vectors."""
    rows = [_compare(dim, rounds) for dim in DIMS]
    return timing.Section("HGLMM Fisher vectors", ("tfvse", "NumPy, one text at a time"), rows)


def _compare(dim: int, rounds: int) -> timing.Row:
    """Both ways on word vectors of `dim` dimensions."""
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(WORDS)]
    vectors = rng.normal(size=[WORDS, dim]).astype(np.float32)
    model = _mixture(rng, dim)
    # Some words come often and most of them seldom, as in a language.
    texts = rng.zipf(1.3, size=[TEXTS, TEXT_WORDS]) % WORDS

    encode = tf.function(hglmm.FisherVectors(words, vectors, model))
    named = np.array(words)[texts]
    strings = tf.constant([" ".join(text) for text in named])

    def ours() -> Array:
        """All texts at once."""
        return encode(strings).numpy()

    def other() -> Array:
        """One text after the other."""
        return np.stack([_plain(vectors[text], model) for text in texts])

    np.testing.assert_allclose(ours(), _arranged(other(), dim), atol=1e-3)
    what = f"{TEXTS} texts of {TEXT_WORDS} words, {dim} dimensions a word"
    return timing.paired(what, ours, other, rounds)


def _mixture(rng: np.random.Generator, dim: int) -> Mixture:
    """A random hybrid mixture: Gaussian in half of the dimensions, Laplacian in the others."""
    shape = [hglmm.COMPONENTS, dim]
    weights = rng.dirichlet(np.ones(hglmm.COMPONENTS)).astype(np.float32)
    centers = rng.normal(size=shape).astype(np.float32)
    scales = rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return Mixture(weights, rng.random(shape) < 0.5, centers, scales)


def _plain(points: Array, model: Mixture) -> Array:
    """The Fisher vector of one text by its formulas.

    Args:
      points: float32 [N, D], the vectors of the text's words.
      model: the mixture of K components.

    Returns:
      float [2, K, D]: the gradients by centre and by scale, after signed roots, of length 1.
    """
    z = (points[:, None] - model.centers) / model.scales
    shares = (model.expectation(points)[1] / np.sqrt(model.weights))[:, :, None]
    center_terms = np.where(model.gaussian, z, np.sign(z))
    scale_terms = np.where(model.gaussian, (z * z - 1.0) / np.sqrt(2.0), np.abs(z) - 1.0)

    by_center = (shares * center_terms).mean(axis=0)
    by_scale = (shares * scale_terms).mean(axis=0)
    both = np.stack([by_center, by_scale])
    rooted = np.sign(both) * np.sqrt(np.abs(both))
    return rooted / np.linalg.norm(rooted)


def _arranged(plain: Array, dim: int) -> Array:
    """[B, 2, K, D] in this package's order, by component and then by kind: [B, 2 K D]."""
    return plain.transpose(0, 2, 1, 3).reshape(len(plain), 2 * hglmm.COMPONENTS * dim)
