"""The protocol of image-text retrieval: image to text (i2t) and text to image (t2i).

Recall at 1, 5 and 10, median and mean rank of the first right answer, and mAP@R. Right answers of a picture are its own
texts, however many; the right answer of a text is its own picture, even where another picture bears the same text. Ties are
broken at random, in expectation. Folds are successive runs of pictures in the order of the split (MSCOCO: "1K" is the mean
of five folds of 1,000, or its first thousand; "5K" is one fold of everything), and their metrics are averaged.
"""

from typing import NamedTuple

import numpy as np

from tfvse.errors import UserError
from tfvse.metrics import bootstrap
from tfvse.metrics.average_precision import average_precision_at_r
from tfvse.metrics.ranks import chance, merge, rank_positives
from tfvse.metrics.recall import first_rank, median_rank, recall_at_k

RECALLS = (1, 5, 10)
BLOCK_SCORES = 2**22  # scores asked for at once: 16 MiB of float32


class Result(NamedTuple):
    """What a protocol measured: {name: number}, the choices made, and {name: (low, high)}."""

    metrics: dict
    protocol: dict
    intervals: dict


def evaluate(
    score_i2t, score_t2i, image_of_text, *, folds=1, fold_size=0, scores=(), fusion="none", bootstrap_samples=1000, seed=0
):
    """Measures both directions in blocks of queries, never holding a whole similarity matrix.

    Args:
      score_i2t: callable (images, texts) -> float [images, texts] similarities, larger is closer, finite. Each argument is an
        int array of rows of the split, or a slice where they follow one another, so that
        `image_embedding[images] @ text_embedding[texts].T` serves both. Its second argument is always the whole gallery of
        the fold, so that weights may be computed from complete rows.
      score_t2i: the same with (texts, images) -> float [texts, images].
      image_of_text: int [T], the picture (row) of every text; every picture up to the largest has a text.
      folds: the number of folds to average.
      fold_size: pictures a fold; 0 cuts the split into `folds` equal parts. One fold of 1,000 is the first thousand.
      scores, fusion: names of the scores and of their late fusion, for the protocol alone.
      bootstrap_samples: redraws of the pictures for the 95 % intervals; 0 leaves intervals out.
      seed: of the bootstrap.

    Returns:
      Result; metrics `i2t/R@1` … `t2i/mAP@R` and `rsum` in percent, ranks from 1. The median rank has no interval.

    Raises:
      UserError: a picture has no text, the folds do not fit the split, or scores are NaN.
    """
    image_of_text = np.asarray(image_of_text)
    captions = np.bincount(image_of_text)
    if not captions.all():
        raise UserError(f"picture {np.argmin(captions)} of the split has no text; retrieval needs at least one for each")
    size = _fold_size(len(captions), folds, fold_size)
    measured = []
    for fold in range(folds):
        images = np.arange(fold * size, (fold + 1) * size)
        texts = np.flatnonzero(image_of_text // size == fold)
        measured.append(_measure_fold(score_i2t, score_t2i, images, texts, image_of_text[texts], bootstrap_samples, seed + fold))
    metrics, by_chance, redraws = (
        {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]} for parts in zip(*measured, strict=True)
    )
    used = captions[: folds * size]
    protocol = {
        "gallery_images": size,
        "gallery_texts": int(used.sum()) if folds == 1 else f"{used.sum() / folds:g} on average",
        "folds": folds,
        "fold_order": "successive pictures of the split" if folds * size < len(captions) or folds > 1 else "the whole split",
        "captions_per_image": [int(used.min()), int(used.max())],
        "scores": list(scores),
        "late_fusion": fusion,
        "ties": "expectation under random order",
        "median_rank": "of the first right answer; mean of the folds" if folds > 1 else "of the first right answer",
        "mAP@R": "R is the number of right answers of the query",
        "units": "percent; ranks from 1",
        "chance": {name: round(float(value), 4) for name, value in by_chance.items()},
    }
    if bootstrap_samples:
        protocol["intervals"] = f"95 % percentile bootstrap over pictures, {bootstrap_samples} redraws, seed {seed}"
    return Result(
        {name: float(value) for name, value in metrics.items()},
        protocol,
        {name: tuple(map(float, bootstrap.interval(redraw))) for name, redraw in redraws.items() if bootstrap_samples},
    )


def _fold_size(images, folds, fold_size):
    if not fold_size and images % folds:
        raise UserError(f"{images} pictures cannot be cut into {folds} equal folds; set the fold size")
    size = fold_size or images // folds
    if folds * size > images:
        raise UserError(f"{folds} folds of {size} pictures need {folds * size}, the split has {images}; take fewer or smaller ones")
    return size


def _measure_fold(score_i2t, score_t2i, images, texts, image_of_text, samples, seed):
    """({metric: value}, {metric: value by chance}, {metric: float [samples] bootstrap replicates}) of one fold."""
    metrics, by_chance, redraws = {}, {}, {}
    own_image = image_of_text - images[0]
    for direction, score, queries, gallery, positives, groups in (
        ("i2t", score_i2t, images, texts, _texts_of_images(own_image, len(images)), np.arange(len(images))),
        ("t2i", score_t2i, texts, images, own_image[:, None], own_image),
    ):
        ranks = _rank(score, queries, gallery, positives)
        results = _results(ranks)
        draws = bootstrap.replicates(np.stack(list(results.values()), axis=1), groups, samples, seed)
        for column, (name, values) in enumerate(results.items()):
            metrics[f"{direction}/{name}"] = values.mean()
            redraws[f"{direction}/{name}"] = draws[:, column]
        metrics[f"{direction}/median_rank"] = median_rank(ranks)
        guess = chance(positives, len(gallery))
        by_chance |= {f"{direction}/{name}": values.mean() for name, values in _results(guess).items()}
        by_chance[f"{direction}/median_rank"] = median_rank(guess)
    recalls = [f"{direction}/R@{k}" for direction in ("i2t", "t2i") for k in RECALLS]
    for part in (metrics, by_chance, redraws):
        part["rsum"] = sum(part[name] for name in recalls)
    return metrics, by_chance, redraws


def _results(ranks):
    """{metric: float64 [Q]} per query."""
    return {
        **{f"R@{k}": 100 * recall_at_k(ranks, k) for k in RECALLS},
        "mean_rank": first_rank(ranks),
        "mAP@R": 100 * average_precision_at_r(ranks),
    }


def _rank(score, queries, gallery, positives):
    step = max(1, BLOCK_SCORES // len(gallery))
    blocks = []
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        scores = np.asarray(score(_index(rows), _index(gallery)))
        if scores.shape != (len(rows), len(gallery)):
            raise ValueError(f"scores of shape {scores.shape} where {(len(rows), len(gallery))} was asked for")
        if np.isnan(scores.max()):
            raise UserError("the scores hold NaN, so there is nothing to rank; the run has diverged: take an earlier checkpoint")
        blocks.append(rank_positives(scores, positives[start : start + step]))
    return merge(blocks)


def _index(rows):
    """A slice where rows follow one another: it makes a view of an array where a list of rows makes a copy."""
    return slice(int(rows[0]), int(rows[-1]) + 1) if rows[-1] - rows[0] + 1 == len(rows) else rows


def _texts_of_images(image_of_text, images):
    """int64 [images, P]: the texts of every picture, padded with -1."""
    counts = np.bincount(image_of_text, minlength=images)
    order = np.argsort(image_of_text, kind="stable")
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    texts = np.full((images, counts.max()), -1)
    texts[image_of_text[order], place] = order
    return texts
