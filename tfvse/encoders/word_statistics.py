"""What the training texts tell of their words: in which images' texts they stand, and how often."""

from typing import Any

import numpy as np

from tfvse import interruption
from tfvse.preprocessing.text import PAD, RESERVED
from tfvse.typing import Array

# Fraction of all words. More frequent words count less and less (Arora et al., ICLR 2017).
SMOOTHING = 1e-3
SPREAD = 0.4  # standard deviation of the vectors' numbers, that of GloVe 50d
_LEAST_SPREAD = 1e-9  # keeps vectors of zeros out of a division by zero


def latent_vectors(
    tokens: Array,
    image_of_text: Array,
    rows: int,
    dim: int,
) -> Array:
    """Finds word vectors by latent semantic analysis (Deerwester et al., 1990).

    Words that stand in the texts of the same images become alike. Every image is a document, all
    its texts together. The matrix of images and words holds log(1 + count) times the word's inverse
    document frequency. It is cut to its `dim` largest singular values; a word has its row of V √S.

    Args:
      tokens: int [T, L], numbers of the words of the training texts, 0 padding.
      image_of_text: int [T], the image of each text.
      rows: of the result, the vocabulary's size.
      dim: dimensions of a word; where there are fewer images or words, the rest is zero.

    Returns:
      float32 [rows, dim]. Padding, the unknown word and words that no training text holds are
      zeros. With one image all are: it tells no word from another.
    """
    import scipy.sparse.linalg

    weighted = _weighted_counts(tokens, image_of_text, rows)
    result = np.zeros([rows, dim], np.float32)
    kept = min(dim, min(weighted.shape) - 1)
    if not kept:
        return result

    # PROPACK loses what a signal raises in its callback.
    with interruption.deferred():
        _, values, vectors = scipy.sparse.linalg.svds(
            weighted,
            k=kept,
            solver="propack",
            random_state=0,
        )
    # A singular vector may point either way: its largest number becomes positive.
    largest = np.abs(vectors).argmax(axis=1)
    signs = np.sign(vectors[np.arange(kept), largest])
    result[:, :kept] = vectors.T * signs * np.sqrt(values)
    spread = max(result[RESERVED:].std(), _LEAST_SPREAD)
    return result * (SPREAD / spread)


def _weighted_counts(
    tokens: Array,
    image_of_text: Array,
    rows: int,
) -> Any:
    """The sparse matrix of images and words that `latent_vectors` cuts, float64 [N, rows]."""
    import scipy.sparse

    images = np.repeat(image_of_text, tokens.shape[1])
    words = tokens.ravel()
    known = words >= RESERVED
    shape = (int(image_of_text.max()) + 1, rows)
    places = (images[known], words[known])
    counts = scipy.sparse.csr_matrix((np.ones(known.sum()), places), shape)
    counts.sum_duplicates()

    documents = np.bincount(counts.indices, minlength=rows)
    counts.data = np.log1p(counts.data)
    inverse_frequency = np.log((1 + shape[0]) / (1 + documents))
    return counts @ scipy.sparse.diags(inverse_frequency)


def log_weights(
    tokens: Array,
    rows: int,
) -> Array:
    """Gives the logarithm of each word's weight a / (a + p).

    Its frequency among the words of the texts is p, and a is `SMOOTHING`.

    Args:
      tokens: int [T, L], numbers of the words of the training texts, 0 padding.
      rows: of the result, the vocabulary's size.

    Returns:
      float32 [rows, 1]; a word that no text holds has 0.
    """
    counts = np.bincount(tokens[tokens != PAD], minlength=rows)
    frequency = counts / max(counts.sum(), 1)
    logarithms = np.log(SMOOTHING / (SMOOTHING + frequency))
    return logarithms.astype(np.float32)[:, None]
