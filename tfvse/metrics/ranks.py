"""Where the right answers of every query stand in its ranking; ties are kept as ties.

A ranking with tied scores is a set of rankings, all equally likely. Two counts for every right
answer describe that set completely: the gallery items that score higher, and those that score the
same. The retrieval metrics need nothing else. The counts are exact, need no sorting, and take
little memory beside the block of scores.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from tfvse.typing import Array


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Counts for Q queries with up to P right answers (positives) each.

    Unused places have `above == gallery`.

    Attributes:
      above: int64 [Q, P], gallery items that score strictly higher than the positive.
      tied: int64 [Q, P], gallery items that score the same, the positive itself included.
      gallery: number of items that were ranked.
    """

    above: Array
    tied: Array
    gallery: int

    @property
    def positives(self) -> Array:
        """int64 [Q], the number of right answers of every query."""
        return np.count_nonzero(self.above < self.gallery, axis=1)


def rank_positives(scores: Array, positives: Array) -> Ranks:
    """Counts what scores higher than the positives and what scores the same.

    Args:
      scores: float [Q, N], similarities (larger is closer) of Q queries with the whole gallery.
      positives: int [Q, P], columns of the right answers, padded with -1; at least one a query.

    Returns:
      The counts for the Q queries.

    Raises:
      ValueError: a score is NaN, which would count as "not above" and look like a good result; a
        query has no positive; or a positive lies outside the gallery.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import rank_positives
      >>> ranks = rank_positives(np.array([[0.9, 0.5, 0.5]]), np.array([[1]]))
      >>> print(ranks.above, ranks.tied)
      [[1]] [[2]]
    """
    scores = np.asarray(scores)
    positives = np.asarray(positives)
    gallery = scores.shape[1]
    _check(positives, gallery)
    if np.isnan(scores.max()):
        raise ValueError("scores hold NaN")

    present = positives >= 0
    columns = np.where(present, positives, 0)
    own = np.take_along_axis(scores, columns, axis=1)
    higher = []
    same = []
    for column in own.T:
        # One positive of every query at a time, against the whole gallery.
        one = column[:, None]
        higher.append(np.count_nonzero(scores > one, axis=1))
        same.append(np.count_nonzero(scores == one, axis=1))

    above = np.stack(higher, axis=1)
    tied = np.stack(same, axis=1)
    return Ranks(
        above=np.where(present, above, gallery),
        tied=np.where(present, tied, 0),
        gallery=gallery,
    )


def chance_ranks(positives: Array, gallery: int) -> Ranks:
    """Ranks of a model that knows nothing: all items of the gallery have the same score.

    Args:
      positives: int [Q, P], as in `rank_positives`.
      gallery: number of items.

    Returns:
      The counts for the Q queries.

    Raises:
      ValueError: a query has no positive, or a positive lies outside the gallery.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import chance_ranks, recall_at_k
      >>> print(recall_at_k(chance_ranks(np.array([[3]]), gallery=10), k=1).round(3))
      [0.1]
    """
    positives = np.asarray(positives)
    _check(positives, gallery)
    present = positives >= 0
    return Ranks(
        above=np.where(present, 0, gallery),
        tied=np.where(present, gallery, 0),
        gallery=gallery,
    )


def merge_ranks(blocks: Iterable[Ranks]) -> Ranks:
    """Joins the ranks of successive blocks of queries over one gallery.

    Args:
      blocks: at least one.

    Returns:
      The counts for the queries of all blocks.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import chance_ranks, merge_ranks
      >>> block = chance_ranks(np.array([[0], [1]]), gallery=5)
      >>> merge_ranks([block, block]).above.shape
      (4, 1)
    """
    blocks = list(blocks)
    above = [block.above for block in blocks]
    tied = [block.tied for block in blocks]
    return Ranks(
        above=np.concatenate(above),
        tied=np.concatenate(tied),
        gallery=blocks[0].gallery,
    )


def _check(positives: Array, gallery: int) -> None:
    """Raises ValueError unless every query has a positive and all lie inside the gallery."""
    last = np.max(positives)
    if last >= gallery:
        raise ValueError(f"positive {last} lies outside the gallery of {gallery}")

    has_none = np.max(positives, axis=1) < 0
    if has_none.any():
        raise ValueError(f"query {np.argmax(has_none)} has no positive")
