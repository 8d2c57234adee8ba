"""The protocol of image-text retrieval: image to text (i2t) and text to image (t2i).

Recall at 1, 5 and 10, median and mean rank of the first right answer, and mAP@R. Right answers of a picture are its
own texts, however many; the right answer of a text is its own picture, even where another picture bears the same text.
Ties are broken at random, in expectation. Folds are successive runs of pictures in the order of the split (MSCOCO: "1K"
is the mean of five folds of 1,000, or the first thousand; "5K" is one fold of everything); their metrics are averaged.
"""

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics.average_precision import average_precision_at_r
from tfvse.metrics.ranks import chance, merge, rank_positives
from tfvse.metrics.recall import first_rank, median_rank, recall_at_k

RECALLS = (1, 5, 10)
BLOCK_SCORES = 2**22  # scores asked for at once: 16 MiB of float32


def evaluate(
    score_i2t,
    score_t2i,
    image_of_text,
    *,
    folds=1,
    fold_size=0,
    scores=(),
    fusion="none",
    bootstrap_samples=1000,
    seed=0,
):
    """Measures both directions in blocks of queries, never holding a whole similarity matrix.

    Args:
      score_i2t: callable (images, texts) → float [images, texts] similarities, larger is closer. Each argument is rows
        of the split: a slice where they follow one another, else an int array; to `image_embedding[images] @
        text_embedding[texts].T` it is all one. The second is always the whole gallery of the fold, so that weights may
        be computed from complete rows.
      score_t2i: the same with (texts, images) → float [texts, images].
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
        raise UserError(
            f"picture {np.argmin(captions)} of the split has no text; each needs at least one"
        )
    size = _fold_size(len(captions), folds, fold_size)
    measured = []
    for fold in range(folds):
        images = np.arange(fold * size, (fold + 1) * size)
        texts = np.flatnonzero(image_of_text // size == fold)
        own_image = image_of_text[texts] - images[0]
        measured.append(
            _fold(score_i2t, score_t2i, images, texts, own_image, bootstrap_samples, seed + fold)
        )
    metrics, by_chance, redraws = map(_mean_over_folds, zip(*measured, strict=True))
    protocol = _protocol(captions[: folds * size], folds, size) | {
        "scores": list(scores),
        "late_fusion": fusion,
        "chance": {name: round(float(value), 4) for name, value in by_chance.items()},
    }
    intervals = {}
    if bootstrap_samples:
        protocol["intervals"] = (
            f"95 % percentile bootstrap over pictures, {bootstrap_samples} redraws, seed {seed}"
        )
        intervals = {
            name: tuple(map(float, bootstrap.interval(draws))) for name, draws in redraws.items()
        }
    return Result({name: float(value) for name, value in metrics.items()}, protocol, intervals)


def _protocol(captions, folds, size):
    """The choices that make two papers' numbers differ; `captions` int [N], texts of every measured picture."""
    return {
        "gallery_images": size,
        "gallery_texts": float(captions.sum() / folds),
        "folds": folds,
        "fold_order": "successive pictures of the split",
        "captions_per_image": [int(captions.min()), int(captions.max())],
        "ties": "expectation under random order",
        "rank": "of the first right answer, from 1",
        "mAP@R": "R is the number of right answers of the query",
        "units": "percent, but for ranks",
    }


def _fold_size(images, folds, fold_size):
    if not fold_size and images % folds:
        raise UserError(
            f"{images} pictures cannot be cut into {folds} equal folds; set the fold size"
        )
    size = fold_size or images // folds
    if folds * size > images:
        raise UserError(
            f"{folds} folds of {size} pictures need {folds * size}, the split has {images}; take fewer"
        )
    return size


def _fold(score_i2t, score_t2i, images, texts, own_image, samples, seed):
    """({metric: value}, {metric: value by chance}, {metric: float [samples] bootstrap replicates}) of one fold.

    `images` and `texts` are rows of the split; `own_image` int [texts] is the place of a text's picture in `images`.
    """
    metrics, by_chance, redraws = {}, {}, {}
    for direction, score, queries, gallery, positives, groups in (
        (
            "i2t",
            score_i2t,
            images,
            texts,
            _texts_of_images(own_image, len(images)),
            np.arange(len(images)),
        ),
        ("t2i", score_t2i, texts, images, own_image[:, None], own_image),
    ):
        ranks, guess = _rank(score, queries, gallery, positives), chance(positives, len(gallery))
        results, guesses = _results(ranks), _results(guess)
        draws = bootstrap.replicates(
            np.stack(list(results.values()), axis=1), groups, samples, seed
        )
        metrics[f"{direction}/median_rank"] = median_rank(ranks)
        by_chance[f"{direction}/median_rank"] = median_rank(guess)
        for column, name in enumerate(results):
            metrics[f"{direction}/{name}"] = results[name].mean()
            by_chance[f"{direction}/{name}"] = guesses[name].mean()
            redraws[f"{direction}/{name}"] = draws[:, column]
    recalls = [f"{direction}/R@{k}" for direction in ("i2t", "t2i") for k in RECALLS]
    for values in (metrics, by_chance, redraws):
        values["rsum"] = sum(values[name] for name in recalls)
    return metrics, by_chance, redraws


def _mean_over_folds(folds):
    return {name: np.mean([values[name] for values in folds], axis=0) for name in folds[0]}


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
            raise ValueError(
                f"scores of shape {scores.shape} where {(len(rows), len(gallery))} was asked for"
            )
        if np.isnan(scores.max()):
            raise UserError("the scores hold NaN; the run has diverged: take an earlier checkpoint")
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
