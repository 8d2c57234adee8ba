"""The retrieval protocol against the plain way: the whole similarity matrix, sorted."""

import functools
import tracemalloc
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks import timing
from tfvse.evaluation import retrieval
from tfvse.typing import Array, Rows

DIM = 256
NOISE = 4.0  # enough to spread the ranks
LARGE = 10**7  # image-text pairs from which one turn is enough
TIES = 0.1  # percent: the plain way breaks ties by place, ours in expectation

Scorer = Callable[[Rows, Rows], Array]


def measure(sizes: Sequence[tuple[int, int]], rounds: int) -> timing.Section:
    """Time and peak memory of R@1, 5, 10 and median rank both ways.

    Args:
      sizes: numbers of (images, texts).
      rounds: turns of either side.
    """
    rows = []
    for images, texts in sizes:
        rows += _compare(images, texts, rounds)
    return timing.Section("Retrieval metrics", ("tfvse", "NumPy argsort"), rows)


def _compare(images: int, texts: int, rounds: int) -> list[timing.Row]:
    """The comparisons of one size."""
    embeddings = _embeddings(images, texts)
    ours = functools.partial(_ours, *embeddings)
    other = functools.partial(_plain, *embeddings)
    _check(ours(), other())

    name = f"{images:,} images, {texts:,} texts"
    turns = rounds if images * texts < LARGE else 1
    time = timing.paired(f"{name}: time", ours, other, turns)

    our_peak = peak(ours)
    other_peak = peak(other)
    ratio = our_peak / other_peak
    return [time, timing.Row(f"{name}: peak memory", our_peak, other_peak, ratio, "MiB")]


def _embeddings(images: int, texts: int) -> tuple[Array, Array, Array]:
    """Embeddings of images and texts, and the image of every text: as many texts for each image.

    Returns:
      (float32 [N, DIM] of length 1, float32 [T, DIM] of length 1, int [T]).
    """
    rng = np.random.default_rng(0)
    owner = np.arange(texts) * images // texts
    image = rng.normal(size=(images, DIM)).astype(np.float32)
    text = image[owner] + NOISE * rng.normal(size=(texts, DIM)).astype(np.float32)
    return _normalized(image), _normalized(text), owner


def _normalized(x: Array) -> Array:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _ours(image: Array, text: Array, owner: Array) -> dict[str, float]:
    """The metrics by this package's protocol."""
    there = _scorer(image, text)
    back = _scorer(text, image)
    return retrieval.evaluate(there, back, owner, bootstrap_samples=0).metrics


def _scorer(queries: Array, gallery: Array) -> Scorer:
    """(rows of queries, rows of the gallery) → their similarities."""

    def score(rows: Rows, columns: Rows) -> Array:
        """Similarities of some queries and some candidates."""
        return queries[rows] @ gallery[columns].T

    return score


def _plain(image: Array, text: Array, owner: Array) -> dict[str, float]:
    """The metrics from the whole similarity matrix."""
    similarities = image @ text.T
    images = np.arange(len(image))
    i2t = _metrics("i2t", owner[_order(similarities)] == images[:, None])
    t2i = _metrics("t2i", _order(similarities.T) == owner[:, None])
    return {**i2t, **t2i}


def _order(scores: Array) -> Array:
    """float [Q, G] → int [Q, G], the candidates of each query from the best on."""
    return np.argsort(-scores, axis=1)


def _metrics(direction: str, right: Array) -> dict[str, float]:
    """R@K in percent and the median rank.

    Args:
      direction: "i2t" or "t2i".
      right: bool [Q, G], whether the candidate at each rank is a right one.
    """
    ranks = 1 + np.argmax(right, axis=1)
    metrics = {f"{direction}/R@{k}": 100 * np.mean(ranks <= k) for k in (1, 5, 10)}
    metrics[f"{direction}/median_rank"] = np.median(ranks)
    return metrics


def _check(ours: Mapping[str, float], plain: Mapping[str, float]) -> None:
    """Refuses to time two ways that find different numbers."""
    for name, value in plain.items():
        assert abs(ours[name] - value) <= TIES, f"{name}: {ours[name]} and {value}"


def peak(function: timing.Work) -> float:
    """Most memory, in MiB, that Python and NumPy held at once during `function()`.

    What was there before the call does not count.
    """
    tracemalloc.start()
    function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20
