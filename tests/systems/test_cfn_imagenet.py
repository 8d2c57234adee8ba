import numpy as np
import pytest
import tensorflow as tf

from tfvse.data import verification
from tfvse.data.kinds import classification
from tfvse.errors import UserError
from tfvse.export import litert
from tfvse.layers.disout import Disout
from tfvse.layers.fusion import make_fusion
from tfvse.systems import base
from tfvse.systems.cfn_imagenet import Config, Network, mean_image

MODELS = ("cnn", "cfn", "dsn", "resnet")
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 40, 40, 3), np.uint8)


def _network(model="cfn", depth=11, classes=10, fusion="locally_connected", side=32, **settings):
    network = Network(
        model, depth, classes, make_fusion(fusion) if model == "cfn" else None, **settings
    )
    network(np.zeros((1, side, side, 3), "float32"))
    return network


def _trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve images of noise, of three classes: for training, and once more for testing."""
    folder = tmp_path_factory.mktemp("images")
    splits = dict.fromkeys(("train", "test"), (IMAGES, np.arange(12) % 3))
    found = classification.write_pixels(
        folder, splits, ["cat", "dog", "elk"], verification.Findings()
    )
    return classification.ClassificationData(folder, found, _config().data_view())


def _config(**settings):
    return Config(**{"steps": 10, "resize_to": 36, "crop": 32, **settings})


def _system(data, **settings):
    system = base.create(_config(**settings), data)
    system.create_optimizers()
    system.stage = system.stages()[0]
    return system


def _batch():
    images = tf.constant(IMAGES[:6, :32, :32], tf.float32)
    return {"image": images, "label": tf.constant([0, 1, 2, 0, 1, 2], tf.int64)}


# Parameters: section 2.4.2 says about 6.3 million for CNN-11 and 0.5 million more for CFN-11


@pytest.mark.parametrize(
    ("model", "depth", "parameters"),
    [
        ("cnn", 11, 6_283_304),
        ("cfn", 11, 6_753_320),
        ("dsn", 11, 9_823_200),
        ("resnet", 11, 6_457_128),
    ]
    + [("cnn", 19, 12_554_024), ("cfn", 19, 13_024_040)],
)
def test_parameters_for_a_thousand_classes(model, depth, parameters):
    assert _trainable(_network(model, depth, 1000)) == parameters


def test_they_are_what_the_layers_add_up_to():
    # 3×3 convolutions 64·64·2, 64·128 + 128², 128·256 + 256², 256·512 + 512²: 524,288 pairs of
    # channels; 7·7·3·64;
    # 512 · 1024.
    convolutions = 9 * 524_288 + 9_408 + 524_288
    offsets_and_scales = 2 * (64 + 2 * (64 + 128 + 256 + 512) + 1024)
    assert convolutions + offsets_and_scales + 1024 * 1000 + 1000 == 6_283_304
    # Side branches on 64, 128 and 256 channels with their normalisation, and fusion of four.
    assert (64 + 128 + 256) * 1024 + 3 * 2 * 1024 + 5 * 1024 == 6_753_320 - 6_283_304


@pytest.mark.parametrize("depth", [11, 19])
def test_depth_counts_convolutions_and_the_classifier(depth):
    assert (
        sum(len(weight.shape) > 1 for weight in _network("cnn", depth).trainable_weights) == depth
    )


def test_resnet_11_has_four_residual_connections_three_of_them_with_a_convolution():
    network = _network("resnet")
    assert len(network.shortcuts) == 4
    assert [len(shortcut.trainable_weights) for shortcut in network.shortcuts] == [0, 3, 3, 3]


# Networks


@pytest.mark.parametrize("model, sizes", [("cnn", [7]), ("cfn", [28, 14, 7, 7])])
def test_branches_of_an_image_of_224_pixels(model, sizes):
    maps = _network(model, side=224).feature_maps(np.zeros((1, 224, 224, 3), "float32"))
    assert [side.shape for side in maps] == [(1, size, size, 1024) for size in sizes]


def test_fused_feature_agrees_with_equations_2_1_and_2_3():
    network = _network()
    images = IMAGES[:2, :32, :32].astype("float32")
    kernel = RNG.normal(size=(1024, 4))
    network.fusion.set_weights([kernel, np.full(1024, 0.1)])
    pooled = np.stack([np.asarray(side).mean((1, 2)) for side in network.feature_maps(images)], -1)
    expected = np.maximum((pooled * kernel).sum(-1) + 0.1, 0)
    np.testing.assert_allclose(network.embed(images), expected, rtol=1e-3, atol=1e-4)


def test_fusion_weights_start_at_a_quarter():
    np.testing.assert_array_equal(_network().fusion.kernel, np.full((1024, 4), 0.25))


def test_a_residual_connection_adds_what_goes_around_the_pair():
    network = _network("resnet")
    hidden = RNG.normal(size=(1, 8, 8, 64)).astype("float32")
    first, second = network.pairs[0][0]
    around = np.asarray(second(np.maximum(first(hidden), 0)))
    np.testing.assert_allclose(
        network._stage(0, hidden, False), np.maximum(around + hidden, 0), atol=1e-5
    )


def test_dsn_predicts_at_every_branch_and_answers_with_the_last():
    network = _network("dsn")
    images = IMAGES[:2, :32, :32].astype("float32")
    logits = network.predictions(images)
    assert [one.shape for one in logits] == [(2, 10)] * 4
    np.testing.assert_array_equal(network(images), logits[-1])
    np.testing.assert_allclose(logits[-1], network.heads[-1](network.embed(images)), atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_every_weight_has_a_gradient(model):
    network = _network(model)
    with tf.GradientTape() as tape:
        logits = network.predictions(IMAGES[:4, :32, :32].astype("float32"), training=True)
        loss = tf.add_n([tf.reduce_sum(one[:, 0] ** 2) for one in logits])
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    assert all(gradient is not None for gradient in gradients)
    assert np.mean([np.abs(gradient).max() > 0 for gradient in gradients]) > 0.9


def test_litert_takes_wide_conditioned_fusion_and_disout(tmp_path):
    pytest.importorskip("ai_edge_litert")
    network = Network("cfn", 11, 4, make_fusion("conditioned", 3), 0.5, Disout)
    network(np.zeros((1, 32, 32, 3), "float32"))
    network.fusion.set_weights([RNG.normal(size=weight.shape) for weight in network.fusion.weights])
    images = IMAGES[:2, :32, :32].astype("float32")
    model = litert.LiteRTModel(
        lambda image: network(image, training=False), (32, 32, 3), images, None
    )
    litert.convert(model, "float32", tmp_path / "model.tflite")
    expected = np.asarray(network(images))
    np.testing.assert_allclose(
        litert.runner(tmp_path / "model.tflite")(images), expected, rtol=1e-3, atol=1e-3
    )


# System


def test_the_mean_image_is_a_weight_that_training_leaves_alone(data):
    system = _system(data)
    layer = system.networks["classifier"].pixel_mean
    expected = tf.image.resize(IMAGES, (36, 36), antialias=True).numpy()[:, 2:34, 2:34].mean(0)
    np.testing.assert_allclose(layer.mean, expected, rtol=1e-5)
    system.train_step(_batch())
    np.testing.assert_allclose(layer.mean, expected, rtol=1e-5)
    np.testing.assert_allclose(layer(np.zeros((1, 32, 32, 3), "float32"))[0], -expected, rtol=1e-5)


def test_the_mean_of_many_images_is_that_of_evenly_spaced_ones(monkeypatch, data):
    monkeypatch.setattr("tfvse.systems.cfn_imagenet.MEAN_IMAGES", 2)
    train = data.split("train")
    np.testing.assert_allclose(mean_image(train), train.read([0, 11])[0].mean(0), rtol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_a_few_steps_lower_the_loss_of_a_batch(model, data):
    system = _system(data, model=model)
    batch = _batch()
    losses = [float(system.train_step(batch)["cross_entropy"]) for _ in range(8)]
    assert losses[-1] < 0.5 * losses[0]


def test_dsn_adds_the_losses_of_its_side_branches(data):
    system = _system(data, model="dsn", side_weight=0.3)
    assert system.stage.loss_weights == {"side 1": 0.3, "side 2": 0.3, "side 3": 0.3}
    logs = system.train_step(_batch())
    sides = sum(float(logs[f"side {number}"]) for number in (1, 2, 3))
    assert float(logs["loss"]) == pytest.approx(
        0.3 * sides + float(logs["cross_entropy"]), rel=1e-5
    )


def test_default_recipe_is_the_papers():
    config = Config(steps=200_000)
    assert (config.resize_to, config.crop, config.augment, config.batch_size) == (
        256,
        224,
        True,
        64,
    )
    optimizer = config.optimizer_settings()
    assert (optimizer.learning_rate, optimizer.momentum, optimizer.weight_decay) == (
        0.01,
        0.9,
        1e-4,
    )


def test_the_rate_falls_twice(data):
    optimizer = _system(data).stage.optimizers["main"]
    assert (optimizer.schedule, optimizer.drops, optimizer.factor) == (
        "step",
        (100_000, 150_000),
        0.1,
    )


def test_a_fusion_network_fuses():
    with pytest.raises(UserError, match="for the plain network write --model=cnn"):
        _config(fusion="none")


def test_log_holds_the_weights_of_four_branches(data):
    logs = _system(data).train_step(_batch())
    assert [float(logs[f"fusion/side {s}/weight"]) for s in (1, 2, 3, 4)] == pytest.approx(
        [0.25] * 4, abs=0.01
    )
