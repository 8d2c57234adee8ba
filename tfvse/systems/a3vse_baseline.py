"""The training-free baseline of A3VSE, which compares words (--scores=semantics)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingSplit
    from tfvse.index.similarity import Embeddings


def shared_words(split: MatchingSplit) -> tuple[Embeddings, Embeddings]:
    """Which words stand in the semantics of images and in texts.

    Stop words do not count. The score of an image and a text is the number of words they share.

    Args:
      split: a split with semantics.

    Returns:
      ({"semantics": s_g}, {"semantics": q}): np.float32 [N, V] and [T, V] of zeros and ones, over
      the V words of the split's semantics. Their products are the scores r.
    """
    from tfvse.data.kinds import word_labels

    tokenizer = split.data.tokenizer
    words = word_labels.frequent_words(split.semantics, None, tokenizer)

    def present(texts: np.ndarray) -> Embeddings:
        rows = np.arange(len(texts))
        return {"semantics": word_labels.targets(texts, rows, words, tokenizer)}

    return present(split.semantics), present(split.texts)
