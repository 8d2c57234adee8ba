"""Non-maximum suppression of edge maps, as the edge detection toolbox of Dollar and Zitnick (PAMI 2015) does it.

The direction across an edge comes from the second derivatives of the smoothed map; a pixel stays where neither
neighbour in that direction is larger. Networks are commonly scored after it, their map lightly smoothed before.
"""

import numpy as np
from scipy import ndimage

ORIENTATION_RADIUS = 4  # of the triangle that smooths the map before its derivatives


def suppress(edge_map, *, smoothing=1, radius=1, border=5, multiplier=1.01):
    """Keeps the ridges of an edge map.

    Args:
      edge_map: float [H, W], not negative.
      smoothing: radius of the triangle filter that the map goes through first; 0 leaves its values as they are.
      radius: how many pixels on either side are compared.
      border: width, in pixels, along which edges fade linearly to 0 towards the picture's rim; 0 for none.
      multiplier: how much a pixel is raised before it is compared; above 1, equal neighbours both stay.

    Returns:
      float32 [H, W].
    """
    smooth = _triangle(np.asarray(edge_map, np.float32), smoothing)
    angle = orientation(smooth)
    y, x = np.nonzero(smooth)
    down, right = np.sin(angle[y, x]), np.cos(angle[y, x])
    value = smooth[y, x]
    stays = np.ones(len(y), bool)
    for step in (*range(-radius, 0), *range(1, radius + 1)):
        stays &= multiplier * value >= _interpolated(smooth, y + step * down, x + step * right)
    kept = np.zeros_like(smooth)
    kept[y[stays], x[stays]] = value[stays]
    return kept * _fading(kept.shape[0], border)[:, None] * _fading(kept.shape[1], border)


def orientation(edge_map):
    """float32 [H, W], the angle across edges of float [H, W] in 0 ... pi: 0 is along a row, pi / 2 down a column."""
    by_y, by_x = np.gradient(_triangle(edge_map, ORIENTATION_RADIUS))
    by_xx = np.gradient(by_x, axis=1)
    by_yy, by_yx = np.gradient(by_y)
    # The toolbox takes the sign of -by_yx, which is 0 on a level line: an angle along it instead of across.
    return np.mod(np.arctan2(np.where(by_yx > 0, -by_yy, by_yy), by_xx + 1e-5), np.pi)


def _triangle(picture, radius):
    """Filtered with a triangle that reaches 0 at radius + 1, mirrored at the rim; radius 0 changes nothing."""
    kernel = (
        np.concatenate([np.arange(1, radius + 2), np.arange(radius, 0, -1)]) / (radius + 1) ** 2
    )
    for axis in (0, 1):
        picture = ndimage.correlate1d(picture, kernel.astype(np.float32), axis, mode="reflect")
    return picture


def _interpolated(picture, y, x):
    """Bilinear values at places float [N], which beyond the rim count as on it."""
    return ndimage.map_coordinates(picture, [y, x], order=1, mode="nearest")


def _fading(length, border):
    """float32 [length]: 0 at either end, 1 from `border` on."""
    place = np.arange(length, dtype=np.float32)
    border = min(border, length // 2)
    return (
        np.minimum(1, np.minimum(place, place[::-1]) / border)
        if border
        else np.ones(length, np.float32)
    )
