"""The boundary benchmark of one picture, thinning included, against a dense assignment for each annotator."""

import numpy as np
from benchmarks import timing
from benchmarks.retrieval import peak
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from skimage import morphology

from tfvse.evaluation.edges import to_uint8
from tfvse.evaluation.nms import suppress
from tfvse.metrics import edges

SHAPE, ANNOTATORS, THRESHOLDS = (321, 481), 5, 9
TURNS = 3  # the dense side takes seconds
FAR = 10**6


def measure():
    """Returns (title, names, rows): time of a match, one of annotators x thresholds, and peak memory."""
    edge_map, annotations = _picture()

    def ours():
        return edges.counts(edge_map, annotations, THRESHOLDS)

    def other():
        return _dense(edge_map, annotations)

    np.testing.assert_array_equal(ours()[:, [0, 1, 3]], other())
    what, matches = "a picture of 321 x 481 pixels, 5 annotators", ANNOTATORS * THRESHOLDS
    time = timing.paired(f"{what}: time of a match", ours, other, TURNS)
    time = timing.Row(time.what, time.ours / matches, time.other / matches, time.ratio)
    peaks = peak(ours), peak(other)
    memory = timing.Row(f"{what}: peak memory", *peaks, peaks[0] / peaks[1], "MiB")
    return "Boundary benchmark", ("tfvse", "scipy.optimize.linear_sum_assignment"), [time, memory]


def _picture():
    """(uint8 edge map after suppression, bool [A, H, W]): level lines of a smooth field, as each annotator sees it."""
    rng = np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.normal(size=SHAPE), 12)
    field /= field.std()
    drawn = []
    for _ in range(ANNOTATORS):
        inside = field + 0.15 * ndimage.gaussian_filter(
            rng.normal(size=SHAPE), 4
        ) * 8 > rng.uniform(-0.5, 0.5)
        drawn.append(inside & ~ndimage.binary_erosion(inside, border_value=1))
    soft = ndimage.gaussian_filter(np.mean(drawn, axis=0) + 0.1 * rng.random(SHAPE), 1.5)
    return to_uint8(suppress(soft / soft.max())), np.array(drawn)


def _dense(edge_map, annotations):
    """[T, 3] found, drawn and marked pixels, by a matrix of all distances."""
    reach, rows = 0.0075 * np.hypot(*SHAPE), []
    for threshold in edges.thresholds(THRESHOLDS):
        marked = np.argwhere(morphology.thin(edge_map / 255 >= threshold))
        found = 0
        for annotation in annotations:
            offsets = marked[:, None] - np.argwhere(annotation)
            distances = np.hypot(offsets[..., 0], offsets[..., 1])
            costs = np.where(distances <= reach, distances, FAR)
            found += np.count_nonzero(costs[linear_sum_assignment(costs)] < FAR)
        rows.append((found, np.count_nonzero(annotations), len(marked)))
    return rows
