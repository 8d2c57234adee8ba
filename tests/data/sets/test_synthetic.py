import numpy as np
import pytest

from tests.data import making
from tfvse.data import manifest
from tfvse.data.sets import synthetic


@pytest.mark.parametrize("kind", ["matching", "classification", "translation", "segmentation"])
def test_the_same_seed_draws_the_same(kind, prepared, tmp_path):
    name = f"synthetic_{kind}"
    first = manifest.read(prepared / name)["parts"]
    again, other = (
        making.prepare(name, tmp_path / str(seed), seed=seed)["parts"] for seed in (0, 1)
    )
    assert all(again[part] == first[part] for part in again)
    assert all(
        other[part]["shards"][0]["sha256"] != first[part]["shards"][0]["sha256"] for part in other
    )


def test_colours_and_shapes_show():
    rng = np.random.default_rng(0)
    drawn = {
        shape: synthetic.draw(shape, (255, 0, 0), (0.5, 0.5), 64, rng) for shape in synthetic.SHAPES
    }
    for image in drawn.values():
        red = (image[..., 0] > 200) & (image[..., 1] < 60)
        assert 0.02 < red.mean() < 0.5
    assert drawn["circle"][32, 32, 1] < 60 < drawn["ring"][32, 32, 1]
