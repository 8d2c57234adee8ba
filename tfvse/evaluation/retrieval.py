"""The protocol of image-text retrieval: image to text (i2t) and text to image (t2i).

The metrics are recall at 1, 5 and 10, median and mean rank of the first right answer, and mAP@R.
The right answers of an image are its own texts, however many. The right answer of a text is its
own image, even if another image has the same text. Ties are broken at random, in expectation.

Folds are successive runs of images in the order of the split; their metrics are averaged. On
MSCOCO "1K" is the mean of five folds of 1,000, or the first thousand; "5K" is one fold of all.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation import intervals
from tfvse.evaluation.checks import refuse_nan
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics.precision import average_precision_at_r
from tfvse.metrics.ranks import Ranks, chance_ranks, merge_ranks, rank_positives
from tfvse.metrics.recall import first_rank, median_rank, recall_at_k
from tfvse.typing import Array, Rows, Tensor

RECALLS = (1, 5, 10)
BLOCK_SCORES = 2**22  # scores computed at once: 16 MiB of float32

# (rows of the queries, rows of the gallery) → float [Q, N] similarities, larger is closer.
ScoreFunction: TypeAlias = Callable[[Rows, Rows], Tensor]


@dataclasses.dataclass(frozen=True)
class _Direction:
    """One direction of retrieval within a fold.

    Attributes:
      name: "i2t" or "t2i".
      score: the scorer of this direction.
      queries: int [Q], rows of the split.
      gallery: int [N], rows of the split.
      positives: int [Q, P], columns of the gallery that are right, padded with -1.
      groups: int [Q], the image of each query; the bootstrap redraws images.
    """

    name: str
    score: ScoreFunction
    queries: Array
    gallery: Array
    positives: Array
    groups: Array


class _Measured(NamedTuple):
    """What is measured in one fold, or the mean over folds.

    Attributes:
      metrics: name → value.
      chance: name → value of a model that knows nothing.
      redraws: name → float [samples] bootstrap replicates.
    """

    metrics: dict[str, Any]
    chance: dict[str, Any]
    redraws: dict[str, Any]


def evaluate(
    score_i2t: ScoreFunction,
    score_t2i: ScoreFunction,
    image_of_text: Array,
    *,
    folds: int = 1,
    fold_size: int = 0,
    scores: Sequence[str] = (),
    fusion: str = "none",
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Result:
    """Measures both directions in blocks of queries; no similarity matrix is held whole.

    Args:
      score_i2t: (images, texts) → float [images, texts] similarities, larger is closer. Each
        argument is rows of the split: a slice if they follow one another, else an int array. Both
        work as in `image_embedding[images] @ text_embedding[texts].T`. The second argument is
        always the whole gallery of the fold, so that weights may be computed from complete rows.
      score_t2i: the same with (texts, images) → float [texts, images].
      image_of_text: int [T], the image (row) of every text. Every image up to the largest has a
        text.
      folds: number of folds to average.
      fold_size: images a fold; 0 cuts the split into `folds` equal parts. One fold of 1,000 is the
        first thousand.
      scores: names of the scores, for the protocol only.
      fusion: name of their late fusion, for the protocol only.
      bootstrap_samples: redraws of the images for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      Metrics `i2t/R@1` … `t2i/mAP@R` and `rsum` in percent, and ranks from 1. The median rank has
      no interval.

    Raises:
      UserError: an image has no text, the folds do not fit the split, or scores are NaN.
    """
    image_of_text = np.asarray(image_of_text)
    captions = _captions(image_of_text)
    size = _fold_size(len(captions), folds, fold_size)

    measured = []
    for fold in range(folds):
        directions = _directions(score_i2t, score_t2i, image_of_text, fold, size)
        measured.append(_measure(directions, bootstrap_samples, seed + fold))
    mean = _mean_over_folds(measured)

    chance = {name: round(float(value), 4) for name, value in mean.chance.items()}
    protocol = {
        **_protocol(captions[: folds * size], folds, size),
        "scores": list(scores),
        "late_fusion": fusion,
        "chance": chance,
        **intervals.note("images", bootstrap_samples, seed),
    }
    metrics = {name: float(value) for name, value in mean.metrics.items()}
    return Result(metrics, protocol, _intervals(mean.redraws, bootstrap_samples))


def _captions(image_of_text: Array) -> Array:
    """The number of texts of every image, int64 [N]; UserError if an image has none."""
    captions = np.bincount(image_of_text)
    if not captions.all():
        without = np.argmin(captions)
        raise UserError(f"image {without} of the split has no text; each needs at least one")
    return captions


def _fold_size(
    images: int,
    folds: int,
    fold_size: int,
) -> int:
    """The number of images in a fold; UserError if the folds do not fit."""
    if not fold_size and images % folds:
        raise UserError(
            f"{images} images cannot be cut into {folds} equal folds; set the fold size"
        )
    size = fold_size or images // folds
    if folds * size > images:
        raise UserError(
            f"{folds} folds of {size} images need {folds * size}, the split has {images}; "
            "take fewer"
        )
    return size


def _directions(
    score_i2t: ScoreFunction,
    score_t2i: ScoreFunction,
    image_of_text: Array,
    fold: int,
    size: int,
) -> list[_Direction]:
    """Both directions of a fold: `size` images from `fold * size` on, and their texts."""
    first = fold * size
    images = np.arange(first, first + size)
    texts = np.flatnonzero(image_of_text // size == fold)
    own_image = image_of_text[texts] - first

    i2t = _Direction(
        name="i2t",
        score=score_i2t,
        queries=images,
        gallery=texts,
        positives=_texts_of_images(own_image, size),
        groups=np.arange(size),
    )
    t2i = _Direction(
        name="t2i",
        score=score_t2i,
        queries=texts,
        gallery=images,
        positives=own_image[:, None],
        groups=own_image,
    )
    return [i2t, t2i]


def _texts_of_images(image_of_text: Array, images: int) -> Array:
    """The texts of every image, int64 [images, P], padded with -1."""
    counts = np.bincount(image_of_text, minlength=images)
    order = np.argsort(image_of_text, kind="stable")

    # The place of each text among those of its image.
    before = np.cumsum(counts) - counts
    place = np.arange(len(order)) - np.repeat(before, counts)

    texts = np.full((images, counts.max()), -1)
    texts[image_of_text[order], place] = order
    return texts


def _measure(
    directions: Sequence[_Direction],
    samples: int,
    seed: int,
) -> _Measured:
    """Measures both directions of a fold, chance, and bootstrap replicates."""
    measured = _Measured({}, {}, {})
    for direction in directions:
        ranks = _rank(direction)
        guess = chance_ranks(direction.positives, len(direction.gallery))
        values = _values(ranks)
        by_chance = _values(guess)
        columns = np.stack(list(values.values()), axis=1)
        draws = bootstrap.replicates(columns, direction.groups, samples, seed)

        prefix = direction.name
        measured.metrics[f"{prefix}/median_rank"] = median_rank(ranks)
        measured.chance[f"{prefix}/median_rank"] = median_rank(guess)
        for column, name in enumerate(values):
            measured.metrics[f"{prefix}/{name}"] = values[name].mean()
            measured.chance[f"{prefix}/{name}"] = by_chance[name].mean()
            measured.redraws[f"{prefix}/{name}"] = draws[:, column]

    for found in measured:
        found["rsum"] = _sum_of_recalls(found)
    return measured


def _rank(direction: _Direction) -> Ranks:
    """The ranks of all queries of a direction, computed in blocks."""
    queries = direction.queries
    gallery = direction.gallery
    step = max(1, BLOCK_SCORES // len(gallery))

    blocks = []
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        scores = np.asarray(direction.score(_index(rows), _index(gallery)))
        asked = (len(rows), len(gallery))
        if scores.shape != asked:
            raise ValueError(f"scores of shape {scores.shape} where {asked} was asked for")

        # The maximum of scores with a NaN is NaN; it needs no array of their size.
        refuse_nan(scores.max(), "the scores")
        positives = direction.positives[start : start + step]
        blocks.append(rank_positives(scores, positives))
    return merge_ranks(blocks)


def _index(rows: Array) -> Rows:
    """A slice if rows follow one another: it views an array where a list of rows copies it."""
    first = int(rows[0])
    stop = int(rows[-1]) + 1
    return slice(first, stop) if stop - first == len(rows) else rows


def _values(ranks: Ranks) -> dict[str, Array]:
    """metric → float64 [Q], one value a query: percent, and ranks from 1."""
    values = {}
    for k in RECALLS:
        values[f"R@{k}"] = 100 * recall_at_k(ranks, k)
    values["mean_rank"] = first_rank(ranks)
    values["mAP@R"] = 100 * average_precision_at_r(ranks)
    return values


def _sum_of_recalls(values: Mapping[str, Any]) -> Any:
    """The sum of the recalls at all K in both directions."""
    total = 0
    for direction in ("i2t", "t2i"):
        for k in RECALLS:
            total = total + values[f"{direction}/R@{k}"]
    return total


def _mean_over_folds(folds: Sequence[_Measured]) -> _Measured:
    """The mean over folds of every number."""
    return _Measured(
        metrics=_mean_by_name([fold.metrics for fold in folds]),
        chance=_mean_by_name([fold.chance for fold in folds]),
        redraws=_mean_by_name([fold.redraws for fold in folds]),
    )


def _mean_by_name(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of each number or array over folds that have the same names."""
    mean = {}
    for name in folds[0]:
        values = [fold[name] for fold in folds]
        mean[name] = np.mean(values, axis=0)
    return mean


def _intervals(
    redraws: Mapping[str, Array],
    samples: int,
) -> dict[str, intervals.Interval]:
    """metric → (low, high); empty without redraws."""
    found = {}
    if samples:
        for name, draws in redraws.items():
            low, high = bootstrap.interval(draws)
            found[name] = (float(low), float(high))
    return found


def _protocol(
    captions: Array,
    folds: int,
    size: int,
) -> dict[str, Any]:
    """The choices that make two papers' numbers differ.

    Args:
      captions: int [N], number of texts of every measured image.
      folds: number of folds.
      size: images a fold.
    """
    return {
        "gallery_images": size,
        "gallery_texts": float(captions.sum() / folds),
        "folds": folds,
        "fold_order": "successive images of the split",
        "captions_per_image": [int(captions.min()), int(captions.max())],
        "ties": "expectation under random order",
        "rank": "of the first right answer, from 1",
        "mAP@R": "R is the number of right answers of the query",
        "units": "percent, but for ranks",
    }
