import math

import numpy as np
import pytest
from scipy import ndimage

from tfvse.evaluation import nms


def ridge(sigma=2.0, shape=(24, 30), turn=lambda y, x: x - 14):
    """A wide line along which `turn` is zero."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((turn(y, x) / sigma) ** 2)).astype(np.float32)


def test_of_a_wide_line_the_middle_stays():
    kept = nms.suppress(ridge(), smoothing=0, border=0)
    assert set(np.nonzero(kept)[1]) == {14} and (kept[:, 14] == 1).all()
    kept = nms.suppress(ridge(turn=lambda y, x: y - 11))
    assert set(np.nonzero(kept)[0]) == {11}


def test_of_a_slanting_line_the_middle_stays():
    kept = nms.suppress(ridge(turn=lambda y, x: (x - y - 3) / math.sqrt(2)), smoothing=0)
    y, x = np.nonzero(kept[6:-6, 6:-6])
    assert len(y) and (np.abs(x - y - 3) <= 1).all()


@pytest.mark.parametrize(
    ("turn", "angle"),
    [
        (lambda y, x: x - 14, 0),
        (lambda y, x: y - 11, math.pi / 2),
        (lambda y, x: x - y - 3, 3 * math.pi / 4),
        (lambda y, x: x + y - 25, math.pi / 4),
    ],
)
def test_orientation_is_across_the_line(turn, angle):
    found = nms.orientation(ridge(turn=turn))[
        12, 14 if angle in (0, math.pi / 2) else slice(13, 16)
    ]
    assert np.all(np.abs(np.mod(found - angle + 1, math.pi) - 1) < 0.05)


def test_equal_neighbours_both_stay():
    line = np.zeros((20, 20), np.float32)
    line[:, 9:11] = 0.5
    assert set(np.nonzero(nms.suppress(line, smoothing=0))[1]) == {9, 10}
    assert set(
        np.nonzero(nms.suppress(line * np.linspace(1, 1.1, 20), smoothing=0, multiplier=1))[1]
    ) == {10}


def test_edges_fade_towards_the_rim():
    # Flat: nothing is suppressed; of a border of 5, column k keeps k / 5.
    kept = nms.suppress(np.ones((20, 20)), smoothing=1)
    np.testing.assert_allclose(kept[10], np.minimum(1, np.r_[:10, 9:-1:-1] / 5), atol=1e-6)
    np.testing.assert_allclose(kept[2, 3], 2 / 5 * 3 / 5, atol=1e-6)


def test_one_pixel_after_another():
    # The rule for a single pixel, written out, on a random map.
    rng = np.random.default_rng(0)
    edge_map = ndimage.gaussian_filter(rng.random((14, 17)), 1.0).astype(np.float32)
    angle, expected = nms.orientation(edge_map), edge_map.copy()
    for (y, x), value in np.ndenumerate(edge_map):
        for step in (-1, 1):
            row = min(max(y + step * math.sin(angle[y, x]), 0), 13)
            column = min(max(x + step * math.cos(angle[y, x]), 0), 16)
            top, left = min(int(row), 12), min(int(column), 15)
            down, right = row - top, column - left
            (a, b), (c, d) = edge_map[top : top + 2, left : left + 2]
            other = (1 - down) * ((1 - right) * a + right * b) + down * (
                (1 - right) * c + right * d
            )
            if 1.01 * value < other:
                expected[y, x] = 0
    assert 0.2 < (expected == 0).mean() < 0.9
    np.testing.assert_allclose(nms.suppress(edge_map, smoothing=0, border=0), expected, atol=1e-6)


def test_nothing_stays_nothing():
    assert not nms.suppress(np.zeros((6, 6))).any()
