import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.data import verification
from tfvse.data.kinds import classification
from tfvse.errors import UserError
from tfvse.figures.branches import first_of_classes, logged_branch_weights, strongest_maps
from tfvse.layers.disout import Disout
from tfvse.layers.fusion import FUSIONS, make_fusion
from tfvse.systems import base
from tfvse.systems.cfn import BACKBONES, Config, FusionNetwork

VARIANTS = ("none", *FUSIONS)
SIDE = 12
CLASSES = ["cat", "dog", "frog"]


def _network(backbone="A", fusion="locally_connected", classes=10, **settings):
    network = FusionNetwork(BACKBONES[backbone], make_fusion(fusion), classes, **settings)
    network(np.zeros((1, 8, 8, 3), "float32"))
    return network


def _images(count, seed=0, side=SIDE):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve images of noise, of three classes: for training, and once more for testing."""
    folder = tmp_path_factory.mktemp("images")
    images = _images(12), np.arange(12) % 3
    found = classification.write_pixels(
        folder, {"train": images, "test": images}, CLASSES, verification.Findings()
    )
    return classification.ClassificationData(folder, found, Config(steps=1).data_view())


def _batch():
    return {
        "image": tf.constant(_images(6), tf.float32),
        "label": tf.constant([0, 1, 2, 0, 1, 2], tf.int64),
    }


def _system(data, **settings):
    system = base.create(Config(**{"steps": 10, "learning_rate": 0.01, **settings}), data)
    system.create_optimizers()
    system.stage = system.stages()[0]
    return system


# Parameters: table 2.2 of the thesis

PLAIN = {"A": 224_202, "B": 1_286_698}
SIDES = {"A": 24_960, "B": 55_680}
FUSION = {
    "none": 0,
    "sum": 0,
    "convolution": 4,
    "locally_connected": 768,
    "conditioned": 768 + 3 * (3 * 192 + 1),
}


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("fusion", VARIANTS)
def test_parameters_for_ten_classes(backbone, fusion):
    sides = 0 if fusion == "none" else SIDES[backbone]
    assert _network(backbone, fusion).count_params() == PLAIN[backbone] + sides + FUSION[fusion]


def test_side_branches_of_b_for_cifar_100_have_the_papers_74_thousand_parameters():
    # The first block has 192 filters there: two 1×1 convolutions of 192 · 192 + 192 = 37,056.
    plain, fused = (
        _network("B", fusion, 100, first_channels=192).count_params() for fusion in ("none", "sum")
    )
    assert fused - plain == 74_112


def test_rounded_as_table_2_2_they_are_the_papers():
    millions = {
        name: [round(v / 1e6, 3) for v in found.values()]
        for name, found in (("plain", PLAIN), ("sides", SIDES))
    }
    assert millions["plain"] == [0.224, 1.287] and millions["sides"][0] == 0.025


@pytest.mark.parametrize("backbone, layers", [("A", 5), ("B", 8)])
def test_layers_of_the_plain_network_are_those_of_tables_2_1_and_2_3(backbone, layers):
    assert sum(len(w.shape) > 1 for w in _network(backbone, "none").trainable_weights) == layers


def test_a_1x3_kernel_has_three_weights_for_each_branch_and_element():
    config = {"fusion": "locally_connected", "fusion_kernel": 3}
    assert (
        make_fusion("locally_connected", 3).kernel_size == Config(steps=1, **config).fusion_kernel
    )
    network = FusionNetwork(BACKBONES["A"], make_fusion("locally_connected", 3), 10)
    network(np.zeros((1, 8, 8, 3), "float32"))
    assert network.count_params() == PLAIN["A"] + SIDES["A"] + 192 * (3 * 3 + 1)


@pytest.mark.parametrize("fusion", ["none", "sum"])
def test_a_kernel_needs_weights(fusion):
    with pytest.raises(UserError, match=f"--fusion_kernel=2: --fusion={fusion} has no kernel"):
        Config(steps=1, fusion=fusion, fusion_kernel=2)


@pytest.mark.parametrize("sizes", [(0, 8), (8, 0), (8, 9)])
def test_a_crop_comes_from_a_scaled_image(sizes):
    with pytest.raises(UserError, match="--resize_to=.* --crop="):
        Config(steps=1, resize_to=sizes[0], crop=sizes[1])


# Network


@pytest.mark.parametrize("fusion, sizes", [("none", [8]), ("sum", [16, 8, 8])])
def test_side_branches_start_from_the_pooling_layers(fusion, sizes):
    maps = _network(fusion=fusion).feature_maps(_images(2, side=32).astype("float32"))
    assert [side.shape for side in maps] == [(2, size, size, 192) for size in sizes]


def test_fused_feature_agrees_with_equations_2_1_and_2_3():
    network = _network()
    images = _images(2, side=32).astype("float32")
    kernel = np.random.default_rng(0).normal(size=(192, 3))
    network.fusion.set_weights([kernel, np.full(192, 0.1)])
    pooled = np.stack([np.asarray(side).mean((1, 2)) for side in network.feature_maps(images)], -1)
    expected = np.maximum((pooled * kernel).sum(-1) + 0.1, 0)
    np.testing.assert_allclose(network.embed(images), expected, rtol=1e-4, atol=1e-5)
    weights, bias = network.head.get_weights()
    np.testing.assert_allclose(network(images), expected @ weights + bias, rtol=1e-4, atol=1e-4)


def test_sum_fusion_adds_what_its_side_branches_pool():
    network = _network(fusion="sum")
    images = _images(2, side=32).astype("float32")
    pooled = [np.asarray(side).mean((1, 2)) for side in network.feature_maps(images)]
    np.testing.assert_allclose(network.embed(images), sum(pooled), rtol=1e-5)


def test_dropout_is_on_in_training_alone():
    network = _network()
    images = _images(2, side=32).astype("float32")
    np.testing.assert_array_equal(network(images), network(images))
    assert (
        np.abs(np.asarray(network(images, training=True)) - np.asarray(network(images))).max()
        > 1e-4
    )


def test_layers_of_one_shape_start_differently():
    first, second = (convolution.kernel for convolution in _network().side_convolutions[:2])
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0.01
    assert np.std(first) == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("fusion", VARIANTS)
def test_every_weight_has_a_gradient(fusion):
    network = _network(fusion=fusion, dropout=0.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(_images(2, side=32).astype("float32"))[:, 0])
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients[:-2])


def test_half_precision_keeps_logits_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = _network()
    finally:
        keras.config.set_dtype_policy("float32")
    assert network(_images(1, side=32).astype("float32")).dtype == "float32"
    assert network.blocks[0].layers[0].compute_dtype == "bfloat16"


# System


@pytest.mark.parametrize("fusion", VARIANTS)
def test_a_few_steps_lower_the_loss_of_a_batch(fusion, data):
    system = _system(data, fusion=fusion, dropout=0.0)
    batch = _batch()
    losses = [float(system.train_step(batch)["loss"]) for _ in range(15)]
    assert losses[0] == pytest.approx(np.log(3), abs=0.5)
    assert losses[-1] < 0.97 * losses[0]


def test_default_recipe_is_the_papers(data):
    (stage,) = _system(data, steps=120_000, learning_rate=0.1).stages()
    optimizer = stage.optimizers["main"]
    assert (optimizer.learning_rate, optimizer.momentum, optimizer.weight_decay) == (0.1, 0.9, 1e-4)
    assert (optimizer.schedule, optimizer.drops, optimizer.factor) == ("step", (100_000,), 0.1)
    assert (stage.steps, Config(steps=1).batch_size) == (120_000, 100)


def test_log_holds_the_weights_of_the_branches(data):
    logs = _system(data).train_step(_batch())
    assert [float(logs[f"fusion/side {s}/weight"]) for s in (1, 2, 3)] == pytest.approx(
        [1 / 3] * 3, abs=0.01
    )
    assert not [
        name
        for name in _system(data, fusion="sum").train_step(_batch())
        if name.startswith("fusion")
    ]


def test_classify_sorts_the_classes_by_probability(data):
    signature = _system(data).signatures(data)["classify"]
    answer = signature.function(image=tf.constant(signature.example["image"]))
    probabilities = answer["probabilities"].numpy()
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (np.diff(probabilities) <= 0).all()
    assert {name.decode() for name in answer["classes"].numpy()[0]} == set(CLASSES)


def test_embed_gives_the_fused_feature(data):
    system = _system(data)
    signature = system.signatures(data)["embed"]
    embedding = signature.function(image=tf.constant(signature.example["image"]))["embedding"]
    expected = system.networks["classifier"].embed(_images(2)[:1].astype("float32"))
    assert embedding.shape == (2, 192)
    np.testing.assert_allclose(embedding[:1], expected, rtol=1e-4, atol=1e-5)


def test_error_rate_is_that_of_the_largest_logit(data):
    system = _system(data)
    images, labels = data.split("test").read(np.arange(12))
    wrong = system.predict(images).argmax(1) != labels
    report = system.evaluate(data, "test")
    assert report.metrics["error_rate"] == pytest.approx(100 * wrong.mean())


def test_disout_takes_the_place_of_every_dropout(data):
    network = _system(data, regularizer="disout", dropout=0.3).networks["classifier"]
    regularizers = [*network.pool_dropouts, network.dropout]
    assert [(type(layer), layer.rate) for layer in regularizers] == [(Disout, 0.3)] * 3


# Figures 2.1 and 2.8


def test_the_first_image_of_each_class():
    images = np.arange(4.0).reshape(4, 1, 1, 1)
    batches = [(images[:3], np.array([5, 5, 2])), (images[3:], np.array([0]))]
    assert first_of_classes(batches, 2).ravel().tolist() == [0, 2]
    assert first_of_classes(batches, 9).ravel().tolist() == [0, 2, 3]


def test_strongest_maps_are_ranked_for_each_image():
    maps = np.zeros((2, 1, 1, 3), "float32")
    maps[0, 0, 0] = [1, 3, 2]
    maps[1, 0, 0] = [6, 4, 5]
    found = strongest_maps([maps], count=2)
    assert {name: chosen.ravel().tolist() for name, chosen in found.items()} == {
        "side 1, no. 1": [3, 6],
        "side 1, no. 2": [2, 5],
    }


def test_branch_weights_are_read_from_the_log(tmp_path):
    line = {"step": 1, "fusion/side 1/weight": 0.3, "fusion/side 1/deviation": 0.1}
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + '\n{"step": 2, "fusion/side 1/wei')
    assert logged_branch_weights(tmp_path) == {"side 1": [(1, 0.3, 0.1)]}
    assert logged_branch_weights(tmp_path / "none") == {}


def test_plots_are_written(tmp_path, data):
    system = _system(data)
    line = {"step": 1, "fusion/side 1/weight": 0.3, "fusion/side 1/deviation": 0.1}
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    written = system.plots(system.evaluate(data, "test"), data, tmp_path)
    assert {path.name for path in written} == {
        "confusion.png",
        "feature_maps.png",
        "branch_weights.png",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
