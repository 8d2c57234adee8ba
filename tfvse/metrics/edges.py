"""Boundary detection as the Berkeley benchmark counts it (Arbeláez et al., PAMI 2011).

Pixels of an edge map are paired one to one with those that people drew, within a small distance.
The counts of an image at one threshold are four whole numbers, in this order:

    found      boundary pixels that have a partner, summed over the annotators
    drawn      boundary pixels, summed over the annotators
    right      edge pixels that have a partner in at least one annotator's drawing
    marked     edge pixels

recall = found / drawn and precision = right / marked. Everything else follows from sums of them
over images. An edge pixel and a boundary pixel may be partners if they are at most `max_distance`
apart. For each annotator an assignment decides which of them are: as many pairs as possible and,
among those, the least sum of distances, in hundredths of a pixel.

The benchmark's own program looks for the same assignment by another way. There a pixel without a
partner costs a hundred maximum distances, and the search goes over six random other pixels. Among
equally good assignments it may take another one. On the benchmark's own fixture, five images at
five thresholds, this module finds up to 3.6e-4 more recall than the MATLAB program recorded, and
up to 5.4e-4 less precision. F differs by at most 3.5e-4 at a threshold, ODS by 1.2e-4, OIS by
0.7e-4, AP by 0.6e-4.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from skimage import morphology

from tfvse.metrics.assignment import largest_matching
from tfvse.typing import Array

COUNTS = ("found", "drawn", "right", "marked")

# Costs are whole numbers of this fraction of a pixel, so that their sums are exact in any order.
PER_PIXEL = 100

STEPS = 100  # between two thresholds, in the search for the best F
_TINY = 1e-300  # instead of a zero below a fraction


def thresholds(count: int) -> Array:
    """k / (count + 1) for k = 1 … count, rounded as the benchmark's `linspace` rounds them.

    Of five thresholds the second is a little more than 1/3. So a pixel of 85 / 255 is no edge
    there.

    Args:
      count: number of thresholds.

    Returns:
      float64 [count].

    Example:
      >>> from tfvse.metrics import edges
      >>> print(edges.thresholds(3))
      [0.25 0.5  0.75]
    """
    first = 1 / (count + 1)
    return np.linspace(first, 1 - first, count)


def counts(
    edge_map: Array,
    annotations: Sequence[Array] | Array,
    count: int = 99,
    max_distance: float = 0.0075,
    thin: bool = True,
) -> Array:
    """Counts an image at every threshold.

    Args:
      edge_map: uint8 [H, W]. A pixel is an edge at a threshold t if its value / 255 >= t.
      annotations: bool [H, W] of each annotator.
      count: number of thresholds.
      max_distance: between partners, as a fraction of the image's diagonal: 0.0075 for BSDS500,
        0.011 for NYUD.
      thin: whether the edges of every threshold are first thinned to the width of a pixel (Guo
        and Hall, 1989).

    Returns:
      int64 [count, 4]: found, drawn, right, marked.

    Example:
      Both edge pixels are on the line of three pixels that was drawn:

      >>> import numpy as np
      >>> from tfvse.metrics import edges
      >>> edge_map = np.array([[0, 0, 0], [255, 255, 0], [0, 0, 0]], np.uint8)
      >>> drawn = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]], bool)
      >>> print(edges.counts(edge_map, [drawn], count=1))
      [[2 3 2 2]]
    """
    reach = max_distance * np.hypot(*edge_map.shape)
    levels = edge_map / 255
    numbers = _numbered(levels >= thresholds(count)[0])
    costs = [_costs(numbers, annotation, reach) for annotation in annotations]
    drawn = sum(np.count_nonzero(annotation) for annotation in annotations)

    result = np.zeros((count, len(COUNTS)), np.int64)
    before = None
    for row, threshold in enumerate(thresholds(count)):
        edges = levels >= threshold
        if before is not None and np.array_equal(edges, before):
            result[row] = result[row - 1]
            continue

        before = edges
        lines = morphology.thin(edges) if thin else edges
        marked = numbers[lines]
        found, right = _matched(costs, marked)
        result[row] = (found, drawn, right, len(marked))
    return result


def _matched(
    costs: Sequence[sparse.csr_array],
    marked: Array,
) -> tuple[int, int]:
    """How many boundary pixels and how many edge pixels have a partner.

    Args:
      costs: of each annotator, from `_costs`.
      marked: int64 [N], rows of the edge pixels.
    """
    found = 0
    is_right = np.zeros(len(marked), bool)
    for cost in costs:
        rows, _ = largest_matching(cost[marked])
        found += len(rows)
        is_right[rows] = True
    return found, int(np.count_nonzero(is_right))


def _numbered(pixels: Array) -> Array:
    """int64 [H, W]: the true pixels of bool [H, W] numbered from 0 on, -1 elsewhere."""
    numbers = np.cumsum(pixels) - 1
    numbers = numbers.reshape(pixels.shape)
    return np.where(pixels, numbers, -1)


def _costs(
    numbers: Array,
    annotation: Array,
    reach: float,
) -> sparse.csr_array:
    """The costs of the pairs that may be partners: 1 + their distance in hundredths of a pixel.

    The 1 distinguishes coinciding pixels from those that are no pair.

    Args:
      numbers: int [H, W], the row of every pixel that may be an edge, and -1 elsewhere.
      annotation: bool [H, W] of one annotator.
      reach: largest distance of partners, in pixels.

    Returns:
      Sparse [edge pixels, boundary pixels].
    """
    # Where, around a boundary pixel, its partners may be.
    border = int(reach)
    across = np.arange(-border, border + 1)
    distances = np.hypot(across[:, None], across)
    down, right = np.nonzero(distances <= reach)
    distances = distances[down, right]
    weights = 1 + np.rint(PER_PIXEL * distances)

    # The number of the edge pixel at each of these places, [boundary pixels, places], or -1.
    padded = np.pad(numbers, border, constant_values=-1)
    y, x = np.nonzero(annotation)
    below = y[:, None] + down
    beside = x[:, None] + right
    rows = padded[below, beside]

    columns, places = np.nonzero(rows >= 0)
    rows = rows[columns, places]
    shape = (np.count_nonzero(numbers >= 0), len(y))
    return sparse.csr_array((weights[places], (rows, columns)), shape)


def scores(total: Array) -> tuple[Array, Array, Array]:
    """Recall, precision and F of counts.

    Args:
      total: int or float [..., 4], counts of an image or sums of them.

    Returns:
      Recall, precision and F, float64 [...] each; 0 where nothing is drawn or marked.

    Example:
      >>> from tfvse.metrics import edges
      >>> recall, precision, f = edges.scores([3, 4, 3, 3])
      >>> print(recall, precision, f.round(3))
      0.75 1.0 0.857
    """
    total = np.asarray(total, np.float64)
    found, drawn, right, marked = np.moveaxis(total, -1, 0)
    recall = found / np.maximum(drawn, _TINY)
    precision = right / np.maximum(marked, _TINY)
    return recall, precision, _f(recall, precision)


def best(total: Array) -> Array:
    """The threshold with the highest F of each image; the last of equal ones.

    Args:
      total: int [N, T, 4], counts of N images at T thresholds.

    Returns:
      int64 [N], in 0 … T - 1.

    Example:
      >>> from tfvse.metrics import edges
      >>> print(edges.best([[[3, 4, 3, 4], [3, 4, 3, 3], [2, 4, 2, 2]]]))
      [1]
    """
    _, _, f = scores(total)
    last = f.shape[1] - 1
    from_last = f[:, ::-1]
    return last - np.argmax(from_last, axis=1)


def summary(
    total: Array,
    chosen: Array,
) -> dict[str, float]:
    """The benchmark's numbers, as fractions.

    Args:
      total: int [T, 4], counts at every threshold, summed over images.
      chosen: int [4], counts at each image's `best` threshold, summed over images.

    Returns:
      "ODS": the best F of one threshold for all images, with `STEPS` places tried between
        neighbouring thresholds.
      "OIS": the F of the chosen counts.
      "AP": the mean precision over recalls of 0, 0.01 … 1. As in the benchmark it is the sum of
        these 101 over 100; 0 where there is no second recall to interpolate from.
      "R50": the recall at a precision of 0.5 or at the least above it (as in Dollar and Zitnick,
        PAMI 2015).

    Example:
      >>> from tfvse.metrics import edges
      >>> edges.summary([[4, 4, 4, 4], [2, 4, 2, 2]], [4, 4, 4, 4])["ODS"]
      1.0
    """
    total = np.asarray(total)
    recall, precision, f = scores(total)
    _, _, chosen_f = scores(chosen)
    between = _between(recall, precision)
    best_f = np.max(between, initial=f[0])
    marked = total[:, 3] > 0
    return {
        "ODS": float(best_f),
        "OIS": float(chosen_f),
        "AP": _average_precision(recall, precision),
        "R50": _recall_at_half(recall[marked], precision[marked]),
    }


def crispness(edge_map: Array, thinned: Array) -> float:
    """What non-maximum suppression leaves of a map: 1 for lines of one pixel.

    Source: Ye et al., "Delving into Crispness" (2023).

    Args:
      edge_map: float [H, W], at least 0, before suppression.
      thinned: float [H, W], after it.

    Returns:
      The sum of `thinned` over the sum of `edge_map`, a fraction; NaN for a map without any edge.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import edges
      >>> edges.crispness(np.full((2, 2), 0.5), np.eye(2) / 2)
      0.5
    """
    before = np.sum(edge_map, dtype=np.float64)
    after = np.sum(thinned, dtype=np.float64)
    if not before:
        return float("nan")
    return float(after / before)


def _f(recall: Array, precision: Array) -> Array:
    """The harmonic mean of recall and precision, float64 [...]; 0 where both are 0."""
    total = np.maximum(recall + precision, _TINY)
    return 2 * recall * precision / total


def _between(recall: Array, precision: Array) -> Array:
    """F between neighbouring thresholds, with recall and precision interpolated linearly.

    Returns:
      float64 [T - 1, STEPS]; both thresholds are included.
    """
    recalls = _interpolated(recall)
    precisions = _interpolated(precision)
    return _f(recalls, precisions)


def _interpolated(values: Array) -> Array:
    """`STEPS` places from each of T values to the next: float64 [T - 1, STEPS]."""
    share = np.linspace(0, 1, STEPS)
    first = values[:-1, None]
    second = values[1:, None]
    return first * (1 - share) + second * share


def _average_precision(recall: Array, precision: Array) -> float:
    """The sum of precisions at recalls of 0, 0.01 … 1, over 100."""
    recalls, rows = np.unique(recall, return_index=True)
    if len(recalls) < 2:
        return 0.0
    places = np.arange(101) / 100
    interpolated = np.interp(
        places,
        recalls,
        precision[rows],
        left=0,
        right=0,
    )
    return float(interpolated.sum() / 100)


def _recall_at_half(recall: Array, precision: Array) -> float:
    """The recall at a precision of 0.5, or at the least precision above it."""
    precisions, rows = np.unique(precision, return_index=True)
    if not len(rows) or precisions[-1] < 0.5:
        return 0.0
    place = max(precisions[0], 0.5)
    found = np.interp(place, precisions, recall[rows])
    return float(found)
