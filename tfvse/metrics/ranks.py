"""Where the right answers of every query stand in its ranking, ties kept as ties.

A ranking with tied scores is a set of rankings, all equally likely. Counting, for every right answer, how many
gallery items score higher and how many score the same says all there is to say about that set, so these counts are the
only thing the retrieval metrics need. They are exact, take no sorting, and little memory beside the block of scores.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Counts for Q queries with up to P right answers (positives) each; unused places hold `above == gallery`.

    Attributes:
      above: int64 [Q, P], gallery items that score strictly higher than the positive.
      tied: int64 [Q, P], gallery items that score the same, the positive itself included.
      gallery: the number of items that were ranked.
    """

    above: np.ndarray
    tied: np.ndarray
    gallery: int

    @property
    def positives(self):
        """int64 [Q], the number of right answers of every query."""
        return np.count_nonzero(self.above < self.gallery, axis=1)


def rank_positives(scores, positives):
    """Counts what stands above and beside the positives.

    Args:
      scores: float [Q, N] similarities (larger is closer) of Q queries with the whole gallery.
      positives: int [Q, P] columns of the right answers, padded with -1; at least one a query.

    Returns:
      Ranks.

    Raises:
      ValueError: a score is NaN (it would count as "not above" and look like a good result), a query has no positive,
        or a positive lies outside the gallery.
    """
    scores, positives = np.asarray(scores), np.asarray(positives)
    _check(positives, scores.shape[1])
    if np.isnan(scores.max()):
        raise ValueError("scores hold NaN")
    present = positives >= 0
    own = np.take_along_axis(scores, np.where(present, positives, 0), axis=1)
    higher, same = [], []
    for column in own.T[:, :, None]:  # one positive of every query at a time: [Q, 1]
        higher.append(np.count_nonzero(scores > column, axis=1))
        same.append(np.count_nonzero(scores == column, axis=1))
    gallery = scores.shape[1]
    return Ranks(
        np.where(present, np.stack(higher, 1), gallery),
        np.where(present, np.stack(same, 1), 0),
        gallery,
    )


def chance(positives, gallery):
    """Ranks of a model that knows nothing: every item of the gallery scores the same. `positives` as above."""
    _check(positives, gallery)
    present = np.asarray(positives) >= 0
    return Ranks(np.where(present, 0, gallery), np.where(present, gallery, 0), gallery)


def merge(blocks):
    """One Ranks from those of successive blocks of queries over one gallery."""
    blocks = list(blocks)
    return Ranks(
        np.concatenate([block.above for block in blocks]),
        np.concatenate([block.tied for block in blocks]),
        blocks[0].gallery,
    )


def _check(positives, gallery):
    if np.max(positives) >= gallery:
        raise ValueError(f"positive {np.max(positives)} lies outside the gallery of {gallery}")
    if np.any(np.max(positives, axis=1) < 0):
        raise ValueError(f"query {np.argmax(np.max(positives, axis=1) < 0)} has no positive")
