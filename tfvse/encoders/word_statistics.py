"""What the training texts themselves tell of their words: in which pictures' texts they stand, and how often."""

import numpy as np

from tfvse import interruption
from tfvse.preprocessing.text import PAD, RESERVED

SMOOTHING = 1e-3  # of a word's frequency: words more frequent than this count less and less (Arora et al., ICLR 2017)
SPREAD = 0.4  # standard deviation of the vectors' numbers, that of GloVe 50d


def latent_vectors(tokens, image_of_text, rows: int, dim: int) -> np.ndarray:
    """Latent semantic analysis (Deerwester et al., 1990): words that stand in the texts of the same pictures are alike.

    Every picture is a document, all its texts together. The matrix of pictures and words, log(1 + count) times the
    word's inverse document frequency, is cut to its `dim` largest singular values; a word has its row of V √S.

    Args:
      tokens: int [T, L], word numbers of the training texts, 0 padding.
      image_of_text: int [T], the picture of each text.
      rows: of the result, the vocabulary's size.
      dim: numbers per word; fewer pictures or words leave the rest zero.

    Returns:
      float32 [rows, dim]; zeros for padding, the unknown word and words that no training text
      holds, and for all where there is one image, which tells no word from another.
    """
    import scipy.sparse
    import scipy.sparse.linalg

    pictures, words = np.repeat(image_of_text, tokens.shape[1]), tokens.ravel()
    known = words >= RESERVED
    shape = (int(image_of_text.max()) + 1, rows)
    counts = scipy.sparse.csr_matrix((np.ones(known.sum()), (pictures[known], words[known])), shape)
    counts.sum_duplicates()
    documents = np.bincount(counts.indices, minlength=rows)
    counts.data = np.log1p(counts.data)
    weighted = counts @ scipy.sparse.diags(np.log((1 + shape[0]) / (1 + documents)))
    kept = min(dim, min(shape) - 1)
    result = np.zeros([rows, dim], np.float32)
    if not kept:
        return result
    with interruption.deferred():  # PROPACK loses what a signal raises in its callback
        _, values, vectors = scipy.sparse.linalg.svds(
            weighted, k=kept, solver="propack", random_state=0
        )
    signs = np.sign(
        vectors[np.arange(kept), np.abs(vectors).argmax(axis=1)]
    )  # a singular vector may point either way
    result[:, :kept] = vectors.T * signs * np.sqrt(values)
    return result * (SPREAD / max(result[RESERVED:].std(), 1e-9))


def log_weights(tokens, rows: int) -> np.ndarray:
    """Logarithm of each word's weight a / (a + p), p its frequency among the words of the texts, a `SMOOTHING`.

    Args:
      tokens: int [T, L], word numbers of the training texts, 0 padding.
      rows: of the result, the vocabulary's size.

    Returns:
      float32 [rows, 1]; a word that no text holds weighs 1.
    """
    counts = np.bincount(tokens[tokens != PAD], minlength=rows)
    frequency = counts / max(counts.sum(), 1)
    return np.log(SMOOTHING / (SMOOTHING + frequency)).astype(np.float32)[:, None]
