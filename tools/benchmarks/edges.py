"""The boundary benchmark of one image, thinning included, against dense assignments.

The other way solves a dense assignment problem for each annotator and threshold.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from skimage import morphology

from benchmarks import timing
from benchmarks.retrieval import peak
from tfvse.evaluation.edges import to_uint8
from tfvse.evaluation.nms import suppress
from tfvse.metrics import edges
from tfvse.typing import Array

SHAPE = (321, 481)
ANNOTATORS = 5
THRESHOLDS = 9
REACH = 0.0075  # largest distance between partners, in diagonals
TURNS = 3  # the dense side takes seconds
Counts = tuple[int, int, int]  # pixels found, drawn, marked

FAR = 10**6  # cost of a pair that is too far apart


def measure() -> timing.Section:
    """Time of one match, an annotator at a threshold, and peak memory."""
    edge_map, annotations = _image()

    def ours() -> Array:
        """The counts of this package."""
        return edges.counts(edge_map, annotations, THRESHOLDS)

    def other() -> list[Counts]:
        """The counts by dense assignments."""
        return _dense(edge_map, annotations)

    np.testing.assert_array_equal(ours()[:, [0, 1, 3]], other())

    what = f"an image of {SHAPE[0]} x {SHAPE[1]} pixels, {ANNOTATORS} annotators"
    matches = ANNOTATORS * THRESHOLDS
    whole = timing.paired(f"{what}: time of a match", ours, other, TURNS)
    time = timing.Row(whole.what, whole.ours / matches, whole.other / matches, whole.ratio)

    our_peak = peak(ours)
    other_peak = peak(other)
    ratio = our_peak / other_peak
    memory = timing.Row(f"{what}: peak memory", our_peak, other_peak, ratio, "MiB")
    names = ("tfvse", "scipy.optimize.linear_sum_assignment")
    return timing.Section("Boundary benchmark", names, [time, memory])


def _image() -> tuple[Array, Array]:
    """An edge map and its annotations: level lines of a smooth field, as each annotator sees them.

    Returns:
      (uint8 [H, W] edge map after non-maximum suppression, bool [A, H, W] annotations).
    """
    rng = np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.normal(size=SHAPE), 12)
    field /= field.std()

    drawn = []
    for _ in range(ANNOTATORS):
        own = 0.15 * ndimage.gaussian_filter(rng.normal(size=SHAPE), 4) * 8
        inside = field + own > rng.uniform(-0.5, 0.5)
        drawn.append(inside & ~ndimage.binary_erosion(inside, border_value=1))

    soft = ndimage.gaussian_filter(np.mean(drawn, axis=0) + 0.1 * rng.random(SHAPE), 1.5)
    return to_uint8(suppress(soft / soft.max())), np.array(drawn)


def _dense(edge_map: Array, annotations: Array) -> list[Counts]:
    """(found, drawn, marked) pixels of each threshold, by a matrix of all distances.

    Args:
      edge_map: uint8 [H, W].
      annotations: bool [A, H, W].
    """
    rows = []
    for threshold in edges.thresholds(THRESHOLDS):
        marked = np.argwhere(morphology.thin(edge_map / 255 >= threshold))
        found = sum(_matched(marked, np.argwhere(annotation)) for annotation in annotations)
        rows.append((found, int(np.count_nonzero(annotations)), len(marked)))
    return rows


def _matched(marked: Array, drawn: Array) -> int:
    """How many of the marked pixels int [M, 2] get a partner among the drawn int [D, 2]."""
    offsets = marked[:, None] - drawn
    distances = np.hypot(offsets[..., 0], offsets[..., 1])
    costs = np.where(distances <= REACH * np.hypot(*SHAPE), distances, FAR)
    return int(np.count_nonzero(costs[linear_sum_assignment(costs)] < FAR))
