"""Boundary detection as the Berkeley benchmark counts it (Arbeláez et al., PAMI 2011): pixels of an edge map against
those that people drew, one to one, within a small distance.

The counts of a picture at one threshold are four whole numbers, in this order:

    found      boundary pixels that have a partner, summed over the annotators
    drawn      boundary pixels, summed over the annotators
    right      edge pixels that have a partner in at least one annotator's drawing
    marked     edge pixels

recall = found / drawn, precision = right / marked, and everything else follows from sums of them over pictures. An edge
pixel and a boundary pixel may be partners where they lie at most `max_distance` apart; which of them are, decides an
assignment for each annotator: as many pairs as possible and, among those, the least sum of distances, in hundredths of
a pixel.

The benchmark itself looks for the same assignment, but a pixel without a partner costs it a hundred maximum distances,
and gets there over six random others; among equally good assignments it may take another. On the benchmark's own
fixture, five pictures at five thresholds, this finds up to 3.6e-4 more recall than its MATLAB program wrote down and up
to 5.4e-4 less precision; F differs by at most 3.5e-4 at a threshold, ODS by 1.2e-4, OIS by 0.7e-4, AP by 0.6e-4.
"""

import numpy as np
from scipy import sparse
from skimage import morphology

from tfvse.metrics.assignment import largest_matching

COUNTS = ("found", "drawn", "right", "marked")
PER_PIXEL = (
    100  # costs are whole numbers of this fraction of a pixel: their sums are exact, in any order
)

STEPS = 100  # between two thresholds, in the search for the best F
_TINY = 1e-300  # instead of a zero below a fraction


def thresholds(count):
    """float64 [count], k / (count + 1) for k = 1 ... count, rounded as the benchmark's `linspace` rounds them.

    With five of them the second is a little more than 1/3, so that a pixel of 85 / 255 is no edge there.
    """
    return np.linspace(1 / (count + 1), 1 - 1 / (count + 1), count)


def counts(edge_map, annotations, count=99, max_distance=0.0075, thin=True):
    """Counts a picture at every threshold.

    Args:
      edge_map: uint8 [H, W]; a pixel is an edge at a threshold t where its value / 255 >= t.
      annotations: bool [H, W] of each annotator.
      count: the number of thresholds.
      max_distance: between partners, as a fraction of the picture's diagonal: 0.0075 for BSDS500, 0.011 for NYUD.
      thin: whether the edges of every threshold are thinned to the width of a pixel first (Guo and Hall, 1989).

    Returns:
      int64 [count, 4]: found, drawn, right, marked.
    """
    reach = max_distance * np.hypot(*edge_map.shape)
    levels = edge_map / 255
    numbers = _numbered(levels >= thresholds(count)[0])
    costs = [_costs(numbers, annotation, reach) for annotation in annotations]
    drawn = sum(int(np.count_nonzero(annotation)) for annotation in annotations)
    result, before = np.zeros((count, len(COUNTS)), np.int64), None
    for row, threshold in enumerate(thresholds(count)):
        edges = levels >= threshold
        if before is not None and np.array_equal(edges, before):
            result[row] = result[row - 1]
            continue
        before = edges
        marked = numbers[morphology.thin(edges) if thin else edges]
        partners = [largest_matching(cost[marked])[0] for cost in costs]
        right = np.unique(np.concatenate([*partners, np.zeros(0, np.int64)]))
        result[row] = sum(map(len, partners)), drawn, len(right), len(marked)
    return result


def _numbered(pixels):
    """int64 [H, W]: the true pixels of a bool [H, W] numbered from 0 on, -1 elsewhere."""
    return np.where(pixels, np.cumsum(pixels).reshape(pixels.shape) - 1, -1)


def _costs(numbers, annotation, reach):
    """Sparse [edge pixels, boundary pixels of one annotator]: 1 + the distance of those that may be partners.

    `numbers`, int [H, W], is the row of every pixel that may be an edge, and -1 elsewhere. The 1 keeps coinciding
    pixels apart from those that are no pair.
    """
    border = int(reach)
    padded = np.pad(numbers, border, constant_values=-1)
    across = np.arange(-border, border + 1)
    distances = np.hypot(across[:, None], across)
    down, right = np.nonzero(distances <= reach)
    y, x = np.nonzero(annotation)
    rows = padded[y[:, None] + down, x[:, None] + right]
    columns, places = np.nonzero(rows >= 0)
    weights = 1 + np.rint(PER_PIXEL * distances[down, right])
    shape = np.count_nonzero(numbers >= 0), len(y)
    return sparse.csr_array((weights[places], (rows[columns, places], columns)), shape)


def scores(total):
    """(recall, precision, F), float64 [...] each, of [..., 4] counts; 0 where nothing is drawn or marked."""
    found, drawn, right, marked = np.moveaxis(np.asarray(total, np.float64), -1, 0)
    recall, precision = found / np.maximum(drawn, _TINY), right / np.maximum(marked, _TINY)
    return recall, precision, _f(recall, precision)


def best(total):
    """int64 [N], the threshold with the highest F of each picture, of [N, T, 4] counts; the last of equals."""
    f = scores(total)[2]
    return f.shape[1] - 1 - np.argmax(f[:, ::-1], axis=1)


def summary(total, chosen):
    """The benchmark's numbers, as fractions.

    Args:
      total: [T, 4] counts at every threshold, summed over pictures.
      chosen: [4] counts at each picture's `best` threshold, summed over pictures.

    Returns:
      dict: "ODS", the best F of one threshold for all pictures, with STEPS places tried between neighbours; "OIS", the
      F of the chosen; "AP", the mean precision over recalls of 0, 0.01 ... 1 (the sum of these 101 over 100, as the
      benchmark has it; 0 where there is no second recall to interpolate from); "R50", the recall at a precision of 0.5
      or at the least above it (as in Dollar and Zitnick, PAMI 2015).
    """
    recall, precision, f = scores(total)
    marked = np.asarray(total)[:, 3] > 0
    return {
        "ODS": float(np.max(_between(recall, precision), initial=f[0])),
        "OIS": float(scores(chosen)[2]),
        "AP": _average_precision(recall, precision),
        "R50": _recall_at_half(recall[marked], precision[marked]),
    }


def crispness(edge_map, thinned):
    """What non-maximum suppression leaves of a map (Ye et al., 2023, "Delving into Crispness"): 1 for lines of a pixel.

    Args:
      edge_map, thinned: float [H, W], the map before and after it, not negative.

    Returns:
      float, the sum of `thinned` over the sum of `edge_map`; NaN for a map without any edge.
    """
    total = np.sum(edge_map, dtype=np.float64)
    return float(np.sum(thinned, dtype=np.float64) / total) if total else float("nan")


def _f(recall, precision):
    return 2 * recall * precision / np.maximum(recall + precision, _TINY)


def _between(recall, precision):
    """F at STEPS places from each threshold to the next, both included, recall and precision drawn as lines."""
    share = np.linspace(0, 1, STEPS)
    recall, precision = (
        line[:-1, None] * (1 - share) + line[1:, None] * share for line in (recall, precision)
    )
    return _f(recall, precision)


def _average_precision(recall, precision):
    recalls, rows = np.unique(recall, return_index=True)
    if len(recalls) < 2:
        return 0.0
    return float(
        np.interp(np.arange(101) / 100, recalls, precision[rows], left=0, right=0).sum() / 100
    )


def _recall_at_half(recall, precision):
    precisions, rows = np.unique(precision, return_index=True)
    if not len(rows) or precisions[-1] < 0.5:
        return 0.0
    return float(np.interp(max(precisions[0], 0.5), precisions, recall[rows]))
