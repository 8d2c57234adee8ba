"""The protocol of boundary detection: the Berkeley benchmark over a set of images.

Every map is rounded to 8 bits first, as the benchmark reads it. So it has the same score from
memory as from a PNG. Counts are whole numbers and images are sorted by name: neither the number of
processes nor the order of the images changes a byte.
"""

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation import intervals
from tfvse.evaluation.edge_counts import Example, Ways, count_all, to_uint8
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import edges as metrics_lib
from tfvse.progress import progress
from tfvse.typing import Array, PathLike

METRICS = ("ODS", "OIS", "AP", "R50")

# Name, edge map float [H, W] in 0 … 1, and one bool [H, W] an annotator.
EdgeMap: TypeAlias = tuple[str, Array, Sequence[Array]]


class _Scores(NamedTuple):
    """What one way of counting gives.

    Attributes:
      metrics: of `METRICS`, fractions.
      intervals: metric → (low, high).
      curve: "recall", "precision" and "F", one number a threshold.
    """

    metrics: dict[str, float]
    intervals: dict[str, intervals.Interval]
    curve: dict[str, Any]


def evaluate(
    maps: Iterable[EdgeMap],
    *,
    max_distance: float = 0.0075,
    thresholds: int = 99,
    nms: bool = True,
    thin: bool = True,
    ceval: bool = False,
    workers: int = 1,
    results_dir: PathLike | None = None,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Result:
    """Scores edge maps against the boundaries that people drew.

    Args:
      maps: (name, float [H, W] in 0 … 1, list of bool [H, W], one an annotator); read as needed.
      max_distance: between partners, as a fraction of the image's diagonal: 0.0075 for BSDS500,
        0.011 for NYUD.
      thresholds: number of thresholds.
      nms: whether non-maximum suppression goes first; not for maps that went through it already.
      thin: whether the edges of each threshold are thinned.
      ceval: adds "CEval/...", the same without suppression and thinning, and "crispness".
      workers: number of processes; 1 counts in this one.
      results_dir: folder that keeps each image's counts. An interrupted evaluation resumes from
        it, and nothing is counted twice. None keeps nothing.
      bootstrap_samples: redraws of the images for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      The metrics "ODS", "OIS", "AP" and "R50" as fractions. The details hold the curve and every
      image's best threshold.

    Raises:
      UserError: there are no images, or two of one name; a map holds no probabilities, or its
        annotations do not fit it.
    """
    ways = _ways(thresholds, max_distance, nms, thin, ceval)
    found = _count(maps, ways, workers, results_dir)
    names = sorted(found)

    metrics: dict[str, float] = {}
    ends: dict[str, intervals.Interval] = {}
    details: dict[str, Any] = {"thresholds": metrics_lib.thresholds(thresholds).tolist()}
    for way in ways:
        counts = np.array([found[name]["counts"][way] for name in names])
        scores = _score(counts, bootstrap_samples, seed)
        metrics.update(_prefixed(way, scores.metrics))
        ends.update(_prefixed(way, scores.intervals))
        by_image = _by_image(names, counts, thresholds)
        details[f"{way}curve"] = {**scores.curve, "images": by_image}

    if ceval:
        metrics["crispness"] = _mean_crispness([found[name]["crispness"] for name in names])
    protocol = {
        **_protocol(len(names), ways),
        **intervals.note("images", bootstrap_samples, seed),
    }
    return Result(metrics, protocol, ends, details)


def _ways(
    thresholds: int,
    max_distance: float,
    nms: bool,
    thin: bool,
    ceval: bool,
) -> Ways:
    """The ways of counting, by the prefix of their metrics."""
    counting = {"thresholds": thresholds, "max_distance": max_distance}
    ways = {"": {**counting, "nms": nms, "thin": thin}}
    if ceval:
        ways["CEval/"] = {**counting, "nms": False, "thin": False}
    return ways


def _prefixed(
    prefix: str,
    values: dict[str, Any],
) -> dict[str, Any]:
    """The same values under names with a prefix."""
    return {f"{prefix}{name}": value for name, value in values.items()}


def _count(
    maps: Iterable[EdgeMap],
    ways: Ways,
    workers: int,
    results_dir: PathLike | None,
) -> dict[str, dict[str, Any]]:
    """The counts of every image, by name; UserError without any image."""
    total = len(maps) if isinstance(maps, Sized) else None
    counting = count_all(_checked(maps), ways, workers, results_dir)

    found = {}
    with contextlib.closing(counting) as results:
        for name, result in progress(results, "count edges", "image", total):
            found[name] = result
    if not found:
        raise UserError(
            "there are no edge maps to evaluate; give at least one, with its annotations"
        )
    return found


def _checked(maps: Iterable[EdgeMap]) -> Iterator[Example]:
    """Checks every map and rounds it to 8 bits; annotations become bool [A, H, W]."""
    names = set()
    for name, edge_map, annotations in maps:
        if name in names:
            raise UserError(f"{name}: two edge maps have this name; each image must have its own")
        names.add(name)
        check(name, edge_map, annotations)
        yield name, to_uint8(edge_map), np.stack(annotations).astype(bool)


def check(
    name: str,
    edge_map: Array,
    annotations: Sequence[Array],
) -> None:
    """Refuses a map that holds no probabilities, or that its annotations do not fit.

    Args:
      name: how messages name the image.
      edge_map: float [H, W].
      annotations: bool [H, W] of each annotator.

    Raises:
      UserError: the first problem that is found.
    """
    edge_map = np.asarray(edge_map)
    problem = _problem_of_map(edge_map) or _problem_of_annotations(edge_map, annotations)
    if problem:
        raise UserError(f"{name}: {problem}")


def _problem_of_map(edge_map: Array) -> str | None:
    """What keeps a map from being probabilities [H, W]; None if nothing does."""
    if edge_map.ndim != 2 or min(edge_map.shape) < 2:
        shape = list(edge_map.shape)
        return f"the edge map is {shape}; it must be [height, width], each at least 2"
    if not np.isfinite(edge_map).all():
        return "the edge map holds NaN or infinity; it must be probabilities between 0 and 1"

    low = edge_map.min()
    high = edge_map.max()
    if low < 0 or high > 1:
        values = f"{low:.4g} to {high:.4g}"
        return f"the edge map's values are {values}; they must be between 0 and 1"
    return None


def _problem_of_annotations(
    edge_map: Array,
    annotations: Sequence[Array],
) -> str | None:
    """What keeps annotations from serving a map; None if nothing does."""
    for annotation in annotations:
        if annotation.shape != edge_map.shape:
            ours = _size(edge_map)
            theirs = _size(annotation)
            return (
                f"the edge map is {ours} pixels and its annotation {theirs}; they must be the same"
            )
    if not any(annotation.any() for annotation in annotations):
        return "the annotation is empty: no annotator drew a boundary; leave this image out"
    return None


def _size(image: Array) -> str:
    """Width and height for people: "481 x 321"."""
    height, width = image.shape[:2]
    return f"{width} x {height}"


def _score(
    counts: Array,
    samples: int,
    seed: int,
) -> _Scores:
    """The benchmark's numbers of int [N, T, 4] counts."""
    # To the counts at the thresholds, [N, T, 4], add those at each image's best one.
    best = metrics_lib.best(counts)[:, None, None]
    chosen = np.take_along_axis(counts, best, axis=1)
    both = np.concatenate([counts, chosen], axis=1)

    total = both.sum(axis=0)
    recall, precision, f = metrics_lib.scores(total[:-1])
    return _Scores(
        metrics=metrics_lib.summary(total[:-1], total[-1]),
        intervals=_intervals(both, samples, seed) if samples else {},
        curve={
            "recall": recall.tolist(),
            "precision": precision.tolist(),
            "F": f.tolist(),
        },
    )


def _intervals(
    both: Array,
    samples: int,
    seed: int,
) -> dict[str, intervals.Interval]:
    """Intervals over redraws of the images, of int [N, T + 1, 4] counts as in `_score`."""
    images, *shape = both.shape
    flat = both.reshape(images, -1)
    draws = bootstrap.replicates(flat, np.arange(images), samples, seed)

    values = []
    for draw in draws.reshape(samples, *shape):
        metrics = metrics_lib.summary(draw[:-1], draw[-1])
        values.append([metrics[name] for name in METRICS])
    return intervals.of_replicates(METRICS, np.array(values))


def _by_image(
    names: Sequence[str],
    counts: Array,
    thresholds: int,
) -> dict[str, dict[str, float]]:
    """name → the best threshold of an image, with recall, precision and F there."""
    rows = metrics_lib.best(counts)
    chosen = counts[np.arange(len(rows)), rows]
    recall, precision, f = metrics_lib.scores(chosen)
    best = metrics_lib.thresholds(thresholds)[rows]

    by_image = {}
    for row, name in enumerate(names):
        by_image[name] = {
            "threshold": float(best[row]),
            "recall": float(recall[row]),
            "precision": float(precision[row]),
            "F": float(f[row]),
        }
    return by_image


def _mean_crispness(values: Sequence[float | None]) -> float:
    """The mean over the maps that hold any edge; 0 where none does."""
    known = [value for value in values if value is not None]
    if not known:
        return 0.0
    return math.fsum(known) / len(known)


def _protocol(
    images: int,
    ways: Ways,
) -> dict[str, Any]:
    """The choices that make two papers' numbers differ."""
    main = ways[""]
    thresholds = main["thresholds"]
    suppression = "triangle of radius 1 before, radius 1, border 5, multiplier 1.01"
    protocol = {
        "images": images,
        "max_distance": f"{main['max_distance']:g} of the image's diagonal",
        "thresholds": f"{thresholds}, k / {thresholds + 1}, of maps rounded to 8 bits",
        "nms": suppression if main["nms"] else "none",
        "thinning": "Guo and Hall, at each threshold" if main["thin"] else "none",
        "matching": "one to one for each annotator, most pairs, then least distance: exact",
        "units": "fractions",
    }
    if "CEval/" in ways:
        protocol["CEval"] = "the same without suppression and thinning"
        protocol["crispness"] = (
            "sum of the map after suppression, without smoothing and border, over the sum before"
        )
    return protocol
