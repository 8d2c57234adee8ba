"""Prepared synthetic data sets, and what tests need to make others."""

import pathlib
import types

import numpy as np
import pytest

from tests.data import making
from tfvse.data import DATASETS, manifest


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """The synthetic data sets, each in a folder of its name; matching has "fake" features."""
    root = tmp_path_factory.mktemp("prepared")
    for kind in ("matching", "classification", "translation", "segmentation"):
        making.prepare(f"synthetic_{kind}", root / f"synthetic_{kind}")
    making.add_features(root / "synthetic_matching", "image", "fake", 3)
    return root


@pytest.fixture
def config(prepared):
    """Callable (data set, folder, kind, **view) → what `data.load_for` reads of a config."""

    def make(name, folder=None, kind=None, **view):
        path = pathlib.Path(folder or prepared / name)
        seen = making.view(kind or DATASETS[name].kind, **view)
        return types.SimpleNamespace(data=name, prepared_path=path, data_view=lambda: seen)

    return make


@pytest.fixture
def images():
    """Callable n → n different small RGB images as PNG bytes."""

    def make(count, size=8):
        rng = np.random.default_rng(count)
        return [
            making.png(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)) for _ in range(count)
        ]

    return make


@pytest.fixture
def read():
    """Callable (folder, part, field) → all values of a field of a prepared part, bytes decoded."""

    def values(folder, part, field):
        from tfvse.data import records

        found = records.Part(folder, manifest.read(folder), part).all(field).tolist()
        is_text = field not in ("picture", "labels")
        return [
            value.decode() if isinstance(value, bytes) and is_text else value for value in found
        ]

    return values
