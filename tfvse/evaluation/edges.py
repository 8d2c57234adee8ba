"""The protocol of boundary detection: the Berkeley benchmark over a set of pictures, in any number of processes.

Every map is rounded to 8 bits first, as the benchmark reads it, so that it scores the same from memory as from a PNG.
Counts are whole numbers and pictures are taken by name: neither workers nor the order of the pictures change a byte.
"""

import contextlib
import math

import numpy as np
from tqdm import tqdm

from tfvse.errors import UserError
from tfvse.evaluation.edge_counts import count_all, to_uint8
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import edges as metrics_lib

METRICS = ("ODS", "OIS", "AP", "R50")


def evaluate(
    maps,
    *,
    max_distance=0.0075,
    thresholds=99,
    nms=True,
    thin=True,
    ceval=False,
    workers=1,
    results_dir=None,
    bootstrap_samples=1000,
    seed=0,
):
    """Scores edge maps against the boundaries that people drew.

    Args:
      maps: iterable of (name, float [H, W] in 0 ... 1, list of bool [H, W], one an annotator); taken in as needed.
      max_distance: between partners, as a fraction of the diagonal: 0.0075 for BSDS500, 0.011 for NYUD.
      thresholds: how many.
      nms: whether non-maximum suppression goes first; not for maps that went through it already.
      thin: whether the edges of each threshold are thinned.
      ceval: adds "CEval/...", the same without suppression and thinning, and the maps' "crispness".
      workers: processes; 1 counts in this one.
      results_dir: folder that keeps each picture's counts: a killed evaluation goes on where it was, and nothing is
        counted twice; None keeps nothing.
      bootstrap_samples: redraws of the pictures for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      Result with "ODS", "OIS", "AP", "R50" as fractions; details: the curve and every picture's best threshold.

    Raises:
      UserError: no pictures, two of one name, a map that is no probability, or annotations that do not fit it.
    """
    counting = {"thresholds": thresholds, "max_distance": max_distance}
    ways = {"": {**counting, "nms": nms, "thin": thin}}
    if ceval:
        ways["CEval/"] = {**counting, "nms": False, "thin": False}
    total = len(maps) if hasattr(maps, "__len__") else None
    found = {}
    with contextlib.closing(count_all(_checked(maps), ways, workers, results_dir)) as results:
        for name, result in tqdm(results, "pictures", total, unit="picture", disable=None):
            found[name] = result
    if not found:
        raise UserError(
            "there are no edge maps to evaluate; give at least one, with its annotations"
        )
    names = sorted(found)
    metrics, intervals, details = (
        {},
        {},
        {"thresholds": metrics_lib.thresholds(thresholds).tolist()},
    )
    for way in ways:
        counts = np.array([found[name]["counts"][way] for name in names])
        ours, spread, curve = _score(counts, bootstrap_samples, seed)
        metrics |= {way + name: value for name, value in ours.items()}
        intervals |= {way + name: value for name, value in spread.items()}
        details[way + "curve"] = curve | {"pictures": _by_picture(names, counts, thresholds)}
    if ceval:
        metrics["crispness"] = _mean([found[name]["crispness"] for name in names])
    protocol = _protocol(
        len(names), max_distance, thresholds, nms, thin, ceval, bootstrap_samples, seed
    )
    return Result(metrics, protocol, intervals, details)


def check(name, edge_map, annotations):
    """Raises UserError where float [H, W] `edge_map` is no map of probabilities or bool `annotations` do not fit it."""
    edge_map = np.asarray(edge_map)
    if edge_map.ndim != 2 or min(edge_map.shape) < 2:
        raise UserError(
            f"{name}: the edge map is {list(edge_map.shape)}; it must be [height, width], each at least 2"
        )
    if not np.isfinite(edge_map).all():
        raise UserError(
            f"{name}: the edge map holds NaN or infinity; it must be probabilities between 0 and 1"
        )
    if edge_map.min() < 0 or edge_map.max() > 1:
        low, high = edge_map.min(), edge_map.max()
        raise UserError(
            f"{name}: the edge map's values are {low:.4g} to {high:.4g}; they must be between 0 and 1"
        )
    for annotation in annotations:
        if annotation.shape != edge_map.shape:
            ours, theirs = (
                "{1} x {0}".format(*picture.shape) for picture in (edge_map, annotation)
            )
            raise UserError(
                f"{name}: the edge map is {ours} pixels and its annotation {theirs}; they must be the same"
            )
    if not any(annotation.any() for annotation in annotations):
        raise UserError(
            f"{name}: the annotation is empty: no annotator drew a boundary; leave this picture out"
        )


def _checked(maps):
    """(name, uint8 map, bool [A, H, W]) of every picture."""
    names = set()
    for name, edge_map, annotations in maps:
        if name in names:
            raise UserError(f"{name}: two edge maps have this name; each picture must have its own")
        names.add(name)
        check(name, edge_map, annotations)
        yield name, to_uint8(edge_map), np.stack(annotations).astype(bool)


def _score(counts, samples, seed):
    """(metrics, their intervals, the curve) of int [N, T, 4] counts."""
    chosen = np.take_along_axis(counts, metrics_lib.best(counts)[:, None, None], axis=1)
    both = np.concatenate([counts, chosen], axis=1)  # the last row is every picture's best
    total = both.sum(0)
    recall, precision, f = metrics_lib.scores(total[:-1])
    curve = {"recall": recall.tolist(), "precision": precision.tolist(), "F": f.tolist()}
    metrics = metrics_lib.summary(total[:-1], total[-1])
    if not samples:
        return metrics, {}, curve
    draws = bootstrap.replicates(both.reshape(len(both), -1), np.arange(len(both)), samples, seed)
    drawn = [metrics_lib.summary(draw[:-1], draw[-1]) for draw in draws.reshape(samples, -1, 4)]
    ends = bootstrap.interval(np.array([[draw[name] for name in METRICS] for draw in drawn]))
    return (
        metrics,
        {name: tuple(map(float, column)) for name, column in zip(METRICS, ends.T, strict=True)},
        curve,
    )


def _by_picture(names, counts, thresholds):
    rows = metrics_lib.best(counts)
    chosen = metrics_lib.scores(counts[np.arange(len(rows)), rows])
    values = np.stack([metrics_lib.thresholds(thresholds)[rows], *chosen], axis=1).tolist()
    keys = ("threshold", "recall", "precision", "F")
    return {
        name: dict(zip(keys, row, strict=True)) for name, row in zip(names, values, strict=True)
    }


def _mean(values):
    """The mean over the maps that hold any edge; 0 where none does."""
    values = [value for value in values if value is not None]
    return math.fsum(values) / len(values) if values else 0.0


def _protocol(pictures, max_distance, thresholds, nms, thin, ceval, samples, seed):
    protocol = {
        "pictures": pictures,
        "max_distance": f"{max_distance:g} of the picture's diagonal",
        "thresholds": f"{thresholds}, k / {thresholds + 1}, of maps rounded to 8 bits",
        "nms": "triangle of radius 1 before, radius 1, border 5, multiplier 1.01"
        if nms
        else "none",
        "thinning": "Guo and Hall, at each threshold" if thin else "none",
        "matching": "one to one for each annotator, most pairs, then least distance: exact",
        "units": "fractions",
    }
    if ceval:
        protocol["CEval"] = "the same without suppression and thinning"
        protocol["crispness"] = (
            "sum of the map after suppression, without smoothing and border, over the sum before"
        )
    if samples:
        protocol["intervals"] = (
            f"95 % percentile bootstrap over pictures, {samples} redraws, seed {seed}"
        )
    return protocol
