"""HGLMM Fisher vectors in TensorFlow operations against the formulas in plain NumPy, text after text."""

import numpy as np
import tensorflow as tf
from benchmarks import timing

from tfvse.encoders import hglmm
from tfvse.encoders.mixture import Mixture

WORDS, TEXT_WORDS, TEXTS = 5_000, 12, 64
DIMS = 50, 300  # of a word vector


def measure(rounds):
    """Returns (title, names, rows): time for a batch of texts at each width of the word vectors."""
    return (
        "HGLMM Fisher vectors",
        ("tfvse", "NumPy, one text at a time"),
        [_compare(dim, rounds) for dim in DIMS],
    )


def _compare(dim, rounds):
    rng, shape = np.random.default_rng(0), [hglmm.COMPONENTS, dim]
    words, vectors = (
        [f"w{i}" for i in range(WORDS)],
        rng.normal(size=[WORDS, dim]).astype(np.float32),
    )
    weights, centers, scales = (
        array.astype(np.float32)
        for array in (
            rng.dirichlet(np.ones(shape[0])),
            rng.normal(size=shape),
            rng.uniform(0.5, 1.5, shape),
        )
    )
    model = Mixture(weights, rng.random(shape) < 0.5, centers, scales)
    texts = (
        rng.zipf(1.3, size=[TEXTS, TEXT_WORDS]) % WORDS
    )  # some words often, most of them seldom, as in a language
    encode = tf.function(hglmm.FisherVectors(words, vectors, model))
    strings = tf.constant([" ".join(words[word] for word in text) for text in texts])
    ours, other = (
        lambda: encode(strings).numpy(),
        lambda: np.stack([_plain(vectors[text], model) for text in texts]),
    )
    np.testing.assert_allclose(ours(), _arranged(other(), dim), atol=1e-3)
    return timing.paired(
        f"{TEXTS} texts of {TEXT_WORDS} words, {dim} numbers a word", ours, other, rounds
    )


def _plain(points, model):
    """[N, D] → [2, K, D]: the numbers by centre and by scale, rooted and of length 1 together."""
    z = (points[:, None] - model.centers) / model.scales
    shares = (model.expectation(points)[1] / np.sqrt(model.weights))[:, :, None]
    by_center = (shares * np.where(model.gaussian, z, np.sign(z))).mean(axis=0)
    by_scale = (
        shares * np.where(model.gaussian, (z * z - 1.0) / np.sqrt(2.0), np.abs(z) - 1.0)
    ).mean(axis=0)
    both = np.stack([by_center, by_scale])
    rooted = np.sign(both) * np.sqrt(np.abs(both))
    return rooted / np.linalg.norm(rooted)


def _arranged(plain, dim):
    """[B, 2, K, D] in our order, the two numbers of a component beside each other: [B, 2 K D]."""
    return plain.transpose(0, 2, 1, 3).reshape(len(plain), 2 * hglmm.COMPONENTS * dim)
