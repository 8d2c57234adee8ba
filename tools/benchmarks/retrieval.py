"""The retrieval protocol against the plain way: the whole similarity matrix, sorted."""

import tracemalloc

import numpy as np
from benchmarks import timing

from tfvse.evaluation import retrieval

DIM = 256
NOISE = 4.0  # enough to spread the ranks


def measure(sizes, rounds):
    """Returns (title, names, rows): time and peak memory of R@1, 5, 10 and median rank both ways."""
    rows = []
    for images, texts in sizes:
        image, text, owner = _embeddings(images, texts)
        ours, other = lambda: _ours(image, text, owner), lambda: _plain(image, text, owner)  # noqa: B023, E731
        _check(ours(), other())
        name = f"{images:,} pictures, {texts:,} texts"
        turns = rounds if images * texts < 10**7 else 1
        rows.append(timing.paired(f"{name}: time", ours, other, turns))
        peaks = peak(ours), peak(other)
        rows.append(timing.Row(f"{name}: peak memory", *peaks, peaks[0] / peaks[1], "MiB"))
    return "Retrieval metrics", ("tfvse", "NumPy argsort"), rows


def _embeddings(images, texts):
    """L2-normalised float32 [N, DIM], [T, DIM], and the picture of every text: T / N texts a picture."""
    rng = np.random.default_rng(0)
    owner = np.arange(texts) * images // texts
    image = rng.normal(size=(images, DIM)).astype(np.float32)
    text = image[owner] + NOISE * rng.normal(size=(texts, DIM)).astype(np.float32)
    return *(x / np.linalg.norm(x, axis=1, keepdims=True) for x in (image, text)), owner


def _ours(image, text, owner):
    def scorer(queries, gallery):
        return lambda rows, columns: queries[rows] @ gallery[columns].T

    return retrieval.evaluate(
        scorer(image, text), scorer(text, image), owner, bootstrap_samples=0
    ).metrics


def _plain(image, text, owner):
    similarities, metrics = image @ text.T, {}
    for name, scores, right in (
        ("i2t", similarities, lambda order: owner[order] == np.arange(len(image))[:, None]),
        ("t2i", similarities.T, lambda order: order == owner[:, None]),
    ):
        ranks = 1 + np.argmax(right(np.argsort(-scores, axis=1)), axis=1)
        metrics |= {f"{name}/R@{k}": 100 * np.mean(ranks <= k) for k in (1, 5, 10)}
        metrics[f"{name}/median_rank"] = np.median(ranks)
    return metrics


def _check(ours, plain):
    for name, value in plain.items():
        # The plain way breaks ties by place, ours in expectation; with these scores there are hardly any.
        assert abs(ours[name] - value) <= 0.1, f"{name}: {ours[name]} and {value}"


def peak(function):
    """Most memory, MiB, that Python and NumPy held at once during `function()` beyond what was there before."""
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20
