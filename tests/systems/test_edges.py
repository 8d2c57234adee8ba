"""HED, FCFN for edges and RDS: fusions, the supervision of sides, any size, what is exported."""

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from tests.data import making
from tfvse import data as datasets
from tfvse.errors import UserError
from tfvse.evaluation import edge_counts
from tfvse.systems import base
from tfvse.systems.fcfn_edges import FCFNEdgesConfig
from tfvse.systems.rds import RDSConfig

SIDE = 32
SMALL = {
    "steps": 2,
    "batch_size": 2,
    "vgg16": "none",
    "vgg_width": 4,
    "crop": SIDE,
    "thresholds": 9,
    "consensus": 1,
}
CONFIGS = {"fcfn_edges": FCFNEdgesConfig, "rds": RDSConfig}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edges")
    making.prepare("synthetic_edges", folder)
    return folder


def make(folder, system="rds", **settings):
    """(system, data); side outputs and fusion at random, so that edge maps are not flat."""
    config = CONFIGS[system](**{**SMALL, "system": system, "prepared_dir": str(folder), **settings})
    data = datasets.load_for(config)
    found = base.create(config, data)
    for weight in (*found.networks["sides"].weights, *found.networks["fusion"].weights):
        weight.assign(np.random.default_rng(0).normal(size=weight.shape, scale=0.3))
    return found, data


def batch(labels=1, response=0):
    """Noise whose pixels all have one label and one response of the detector."""
    image = np.random.default_rng(1).uniform(0, 255, (2, SIDE, SIDE, 3)).astype("float32")
    return {
        "image": tf.constant(image),
        "edges": tf.fill([2, SIDE, SIDE], np.uint8(labels)),
        "responses": tf.fill([2, SIDE, SIDE, 5], np.uint8(response)),
    }


@pytest.mark.parametrize("system, fusion, count", [("rds", {}, 6), ("fcfn_edges", {}, 6 * SIDE**2)])
def test_fusion_has_five_weights_and_a_bias_in_all_or_for_each_pixel(folder, system, fusion, count):
    assert make(folder, system, **fusion)[0].networks["fusion"].count_params() == count


def test_side_outputs_start_at_zero_and_the_fusion_at_their_mean(folder):
    config = FCFNEdgesConfig(**{**SMALL, "system": "fcfn_edges", "prepared_dir": str(folder)})
    networks = base.create(config, datasets.load_for(config)).networks
    assert not any(weight.numpy().any() for weight in networks["sides"].weights)
    assert np.unique(networks["fusion"].fusion.kernel).tolist() == [np.float32(0.2)]


def test_the_locally_connected_fusion_is_equation_2_10(folder):
    system, _ = make(folder, "fcfn_edges")
    sides, fused = system.logits(batch()["image"])
    kernel, bias = system.networks["fusion"].fusion.get_weights()
    expected = (
        sum(kernel[:, :, 0, j] * np.array(side) for j, side in enumerate(sides)) + bias[..., 0]
    )
    np.testing.assert_allclose(fused, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "supervision, sides",
    [("all", {1, 2, 3, 4, 5}), ("early", {1, 2, 3}), ("late", {4, 5}), ("none", set())],
)
def test_supervision_of_table_3_2(folder, supervision, sides):
    system, _ = make(folder, supervision=supervision)
    assert system.losses(batch())[0].keys() == {f"side {k}" for k in sides} | {"fused"}


def test_relaxed_pixels_cost_the_sides_nothing_and_the_fused_output_something(folder):
    losses, _ = make(folder)[0].losses(batch(labels=0, response=1))
    assert (
        all(float(loss) == 0 for name, loss in losses.items() if name != "fused")
        and float(losses["fused"]) > 0
    )


def test_hed_supervises_everything_with_the_truth(folder):
    system, data = make(folder, "fcfn_edges", fusion="convolution")
    truth = next(iter(data.train_set().fetch(tf.zeros([1, 1], tf.int64), tf.zeros([1, 8])).items()))
    assert truth[0] == "image" and len(system.losses(batch())[0]) == 6


@pytest.mark.parametrize("system", CONFIGS)
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (70, 40)])
def test_any_size(folder, system, size):
    image = tf.random.uniform([1, *size, 3], maxval=255.0)
    edges = make(folder, system)[0].probabilities(image).numpy()
    assert edges.shape == (1, *size) and edges.min() >= 0 and edges.max() <= 1


def test_several_scales_are_averaged(folder):
    image = batch()["image"]
    one, two, both = (
        make(folder, scales=scales)[0].probabilities(image).numpy() for scales in ("1", "2", "1,2")
    )
    np.testing.assert_allclose(both, (one + two) / 2, atol=1e-6)
    assert not np.allclose(one, two)


@pytest.mark.parametrize("scales", ["", "1,x", "0", "1;2", "9"])
def test_wrong_scales_are_refused(scales):
    with pytest.raises(UserError, match="--scales=.*such as 0.5,1,1.5"):
        RDSConfig(**{**SMALL, "scales": scales})


@pytest.mark.parametrize(
    "settings, word", [({"crop": 0}, "--resize_to"), ({"vgg16": "lpips"}, "--vgg_width=4")]
)
def test_settings_that_do_not_fit_are_refused(settings, word):
    with pytest.raises(UserError, match=word):
        RDSConfig(**{**SMALL, **settings})


def test_the_exported_png_has_the_size_of_the_image_and_its_probabilities(folder):
    system, data = make(folder)
    signature = system.signatures(data)["predict"]
    first, second = signature.function(**signature.example)["edges_bytes"].numpy()
    pixels = tf.io.decode_png(first).numpy()
    _, image, _ = data.split("test").read(0)
    expected = 255 * system.probabilities(tf.cast(image[None], tf.float32)).numpy()[0]
    np.testing.assert_allclose(pixels[..., 0], expected, atol=0.5001)
    assert tf.io.decode_png(second).shape == (37, 53, 1)


def test_a_run_starts_from_another(folder, tmp_path):
    from tfvse.training.trainer import Trainer

    first, data = make(folder)
    short = dataclasses.replace(first.config, learning_rate=0.0, weight_decay=0.0)
    trainer = Trainer(short, data, tmp_path / "first", base.create)
    trained = trainer.run()
    started, _ = make(folder, start_from=str(tmp_path / "first"))
    started.start()
    for name, network in started.networks.items():
        assert all(
            (a == b).all()
            for a, b in zip(
                network.get_weights(), trained.networks[name].get_weights(), strict=True
            )
        )


def test_evaluation_and_plots(folder, tmp_path):
    system, data = make(folder)
    report = system.evaluate(data, "val")
    assert {"ODS", "OIS", "AP", "R50"} <= report.metrics.keys() and report.protocol["images"] == 6
    assert all(path.stat().st_size > 1000 for path in system.plots(report, data, tmp_path))
    assert system.samples(data)["edges"].shape == (3 * 64, 3 * 64, 3)


def test_a_killed_evaluation_counts_no_image_twice(folder, tmp_path, monkeypatch):
    system, data = make(folder)
    expected = system.evaluate(data, "val", work_dir=tmp_path).metrics
    monkeypatch.setattr(edge_counts, "suppress", lambda *_: pytest.fail("counted again"))
    assert system.evaluate(data, "val", work_dir=tmp_path).metrics == expected


def test_published_weights_of_hed_find_their_place(folder, monkeypatch, tmp_path):
    import importlib.util

    import h5py

    from tools import hed_reference

    system, _ = make(folder, "fcfn_edges", fusion="convolution")
    (tmp_path / "weights").mkdir()
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "weights" / "hed_bsds500.weights.h5", "w") as file:
        for block, layers in enumerate(system.backbone.blocks, start=1):
            for place, layer in enumerate(layers):
                for number, weight in enumerate(layer.get_weights()):
                    suffix = f"_{place}" if place else ""
                    file[f"block{block}/layers/conv2d{suffix}/vars/{number}"] = rng.normal(
                        size=weight.shape
                    )
        for k, layer in enumerate(system.networks["sides"].scores, start=1):
            for number, weight in enumerate(layer.get_weights()):
                file[f"dsn{k}/vars/{number}"] = np.full(weight.shape, k)
        file["fuse/vars/0"] = np.arange(5.0).reshape(1, 1, 5, 1)
        file["fuse/vars/1"] = np.ones(1)
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    hed_reference.set_weights(system)
    scores = system.networks["sides"].scores
    assert [float(np.ravel(layer.kernel)[0]) for layer in scores] == [1, 2, 3, 4, 5]
    assert np.ravel(system.networks["fusion"].fusion.kernel).tolist() == [0, 1, 2, 3, 4]
    (tmp_path / "weights" / "hed_bsds500.weights.h5").write_bytes(b"\x89HDF damaged")
    with pytest.raises(UserError, match="is not the published HED"):
        hed_reference.set_weights(system)
