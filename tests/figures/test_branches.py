import numpy as np

from tests.figures.drawn import noise, pixels
from tfvse.figures import branches


def test_feature_maps(tmp_path):
    maps = np.zeros((2, 4, 4, 3), np.float32)
    maps[:, 1, 2] = 5
    shown = pixels(
        branches.feature_maps(tmp_path / "maps.png", noise(2), {"branch 1": maps, "flat": maps * 0})
    )
    brightest = np.all(
        np.abs(shown - np.array([252, 255, 164])) <= 3, axis=-1
    )  # the top of the colour scale
    assert brightest.sum() > 100


def test_branch_weights(tmp_path):
    weights = {"side 1": [(0, 0.3, 0.0), (10, 0.2, 0.1)], "side 2": [(0, 0.3, 0.0), (10, 0.5, 0.1)]}
    assert pixels(branches.branch_weights(tmp_path / "w.png", weights, "title")).std() > 0
