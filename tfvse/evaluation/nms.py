"""Non-maximum suppression of edge maps, as in the toolbox of Dollar and Zitnick (PAMI 2015).

The direction across an edge comes from the second derivatives of the smoothed map. A pixel stays if
neither neighbour in that direction is larger. Networks are commonly scored after suppression, with
their map lightly smoothed before it.
"""

import numpy as np
from scipy import ndimage

from tfvse.typing import Array

ORIENTATION_RADIUS = 4  # of the triangle that smooths the map before its derivatives


def suppress(
    edge_map: Array,
    *,
    smoothing: int = 1,
    radius: int = 1,
    border: int = 5,
    multiplier: float = 1.01,
) -> Array:
    """Keeps the ridges of an edge map.

    Args:
      edge_map: float [H, W], at least 0.
      smoothing: radius of the triangle filter that is applied first; 0 keeps the values.
      radius: how many pixels on either side are compared.
      border: width in pixels of the rim along which edges fade linearly to 0; 0 for none.
      multiplier: factor on a pixel before it is compared. Above 1, equal neighbours both stay.

    Returns:
      float32 [H, W].
    """
    edge_map = np.asarray(edge_map, np.float32)
    smooth = _triangle(edge_map, smoothing)
    y, x = np.nonzero(smooth)
    value = smooth[y, x]

    angle = orientation(smooth)[y, x]
    down = np.sin(angle)
    right = np.cos(angle)

    stays = np.ones(len(y), bool)
    for step in range(-radius, radius + 1):
        if step:
            neighbour = _interpolated(smooth, y + step * down, x + step * right)
            stays &= multiplier * value >= neighbour

    kept = np.zeros_like(smooth)
    kept[y[stays], x[stays]] = value[stays]
    height, width = kept.shape
    return kept * _fading(height, border)[:, None] * _fading(width, border)


def orientation(edge_map: Array) -> Array:
    """The angle across edges.

    Args:
      edge_map: float [H, W].

    Returns:
      float32 [H, W] in 0 … π: 0 is along a row, π / 2 down a column.
    """
    smooth = _triangle(edge_map, ORIENTATION_RADIUS)
    by_y, by_x = np.gradient(smooth)
    by_xx = np.gradient(by_x, axis=1)
    by_yy, by_yx = np.gradient(by_y)

    # The toolbox multiplies by the sign of -by_yx.  On a level line that is 0, and the angle would
    # be along the line instead of across.
    signed = np.where(by_yx > 0, -by_yy, by_yy)
    angle = np.arctan2(signed, by_xx + 1e-5)
    return np.mod(angle, np.pi)


def _triangle(image: Array, radius: int) -> Array:
    """Filters with a triangle that reaches 0 at radius + 1, mirrored at the rim.

    A radius of 0 changes nothing.
    """
    rising = np.arange(1, radius + 2)
    falling = np.arange(radius, 0, -1)
    kernel = np.concatenate([rising, falling]) / (radius + 1) ** 2
    kernel = kernel.astype(np.float32)
    for axis in (0, 1):
        image = ndimage.correlate1d(image, kernel, axis, mode="reflect")
    return image


def _interpolated(
    image: Array,
    y: Array,
    x: Array,
) -> Array:
    """Bilinear values at places float [N]; places beyond the rim count as on it."""
    return ndimage.map_coordinates(image, [y, x], order=1, mode="nearest")


def _fading(length: int, border: int) -> Array:
    """float32 [length]: 0 at either end, 1 from `border` on."""
    border = min(border, length // 2)
    if not border:
        return np.ones(length, np.float32)
    place = np.arange(length, dtype=np.float32)
    to_rim = np.minimum(place, place[::-1])
    return np.minimum(1, to_rim / border)
