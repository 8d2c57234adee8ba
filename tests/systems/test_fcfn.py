"""FCN-8s and FCFN: the two fusions against NumPy, any size, void, what is exported."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.data import manifest, verification
from tfvse.data.formats import images
from tfvse.data.kinds import segmentation
from tfvse.errors import UserError
from tfvse.layers.upsampling import upsample
from tfvse.layers.vgg import VGG16Features
from tfvse.systems import base
from tfvse.systems.fcfn import Config
from tfvse.systems.fcfn_networks import FUSIONS, ScoreNetwork

SIDE = 48
CLASSES = ("sky", "sea", "moon")
SMALL = {
    "steps": 2,
    "vgg16": "none",
    "vgg_width": 4,
    "head_channels": 8,
    "head_kernel": 3,
    "crop": SIDE,
}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def fake_data():
    spec = {"image": tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)}
    return types.SimpleNamespace(element_spec=spec, classes=CLASSES)


def make(fusion="locally_connected", **settings):
    """A small system whose weights are all random, so that all classes are predicted."""
    system = base.create(Config(**SMALL, fusion=fusion, dropout=0.0, **settings), fake_data())
    keras.utils.set_random_seed(0)
    for layer in (*system.networks["scores"].scorers, *system.networks["fusion"].stages):
        for weight in layer.weights:
            weight.assign(keras.random.normal(weight.shape))
    return system


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four images of two sizes, for training and val.

    The left half is sky, the right sea, the last row void.
    """
    folder = tmp_path_factory.mktemp("segmentation")
    splits = {}
    for split in ("train", "val"):
        splits[split] = []
        for i, (height, width) in enumerate([(SIDE, 60), (37, 53), (SIDE, 60), (1, 1)]):
            labels = np.repeat((np.arange(width) > width / 2)[None], height, 0).astype(np.uint8)
            labels[height - (height > 1) :] = segmentation.VOID
            files = images.encode_png(noise(height, width, seed=i)), images.encode_png(labels)
            splits[split].append(segmentation.LabelledPixels(f"{split}-{i}", *files))
    colours = [(0, 0, 255), (0, 128, 128), (250, 250, 200)]
    found = segmentation.write(folder, splits, CLASSES, colours, verification.Findings())
    manifest.write(folder, {"data_set": "camvid", **found})
    view = segmentation.SegmentationView(resize_to=0, patch_size=SIDE)
    return segmentation.SegmentationData(folder, found, view)


@pytest.fixture(scope="module")
def system():
    return make()


def test_fusion_is_that_of_equations_2_7_and_2_8(system):
    image = noise(1, SIDE, SIDE).astype("float32")
    top, pool4, pool3 = (np.array(scores) for scores in system.networks["scores"](image))
    assert [scores.shape[1] for scores in (top, pool4, pool3)] == [
        SIDE // 32 + 1,
        SIDE // 16,
        SIDE // 8,
    ]
    fused = top
    for stage, finer in zip(system.networks["fusion"].stages, (pool4, pool3), strict=True):
        weight = stage.kernel.numpy()
        bias = stage.bias.numpy()
        coarser = np.array(upsample(fused, finer))
        fused = weight[..., 0] * finer + weight[..., 1] * coarser + bias
    np.testing.assert_allclose(system.logits(image), upsample(fused, image), rtol=1e-4, atol=1e-4)


def test_fcn_8s_adds():
    system = make("sum")
    image = noise(1, SIDE, SIDE).astype("float32")
    top, pool4, pool3 = system.networks["scores"](image)
    expected = upsample(pool3 + upsample(pool4 + upsample(top, pool4), pool3), image)
    np.testing.assert_allclose(system.logits(image), expected, rtol=1e-4, atol=1e-4)


def test_parameters_of_fcn_8s():
    # fc6 7·7·C·K + K, fc7 K² + K, scores of 21 classes on K, C and C/2 channels, of C = 32 (512 in
    # full) and K = 16 (4096 in full).
    network = ScoreNetwork(VGG16Features(4), 21, 16, 7)
    network(np.zeros((1, 1, 1, 3), "float32"))
    head = (7 * 7 * 32 * 16 + 16) + (16**2 + 16)
    assert network.count_params() - network.features.count_params() == head + 21 * (
        16 + 32 + 16 + 3
    )


def test_locally_connected_fusion_has_two_weights_and_a_bias_for_every_place_and_class(system):
    places = (SIDE // 16) ** 2 + (SIDE // 8) ** 2
    assert system.networks["fusion"].count_params() == places * 3 * 2 + places * 3


def test_training_starts_at_no_preference_and_at_the_mean():
    system = base.create(Config(**SMALL), fake_data())
    assert np.abs(system.logits(noise(1, SIDE, SIDE))).max() == 0
    assert all((stage.kernel.numpy() == 0.5).all() for stage in system.networks["fusion"].stages)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_any_size(fusion):
    system = make(fusion)
    for height, width in ((1, 1), (37, 53), (64, 20)):
        logits = system.logits(noise(2, height, width))
        assert (
            logits.shape == (2, height, width, 3)
            and np.isfinite(logits).all()
            and logits.dtype == tf.float32
        )


@pytest.mark.parametrize("void", [0.0, 0.5, 1.0])
def test_loss_is_equation_2_9_over_the_number_of_pixels(system, void):
    rng = np.random.default_rng(0)
    image = noise(2, SIDE, SIDE).astype("float32")
    labels = rng.integers(0, 3, (2, SIDE, SIDE), np.uint8)
    logits = np.array(system.logits(image), "float64")
    own = np.take_along_axis(logits, labels[..., None].astype(int), -1)[..., 0]
    labels[:, : int(void * SIDE)] = segmentation.VOID
    costs = np.where(labels == segmentation.VOID, 0, np.log(np.exp(logits).sum(-1)) - own)
    found = float(system.losses({"image": image, "labels": labels})[0]["cross_entropy"])
    assert found == pytest.approx(costs.sum() / (2 * SIDE**2), rel=1e-4)


def step(system, label):
    """The names of the networks that a step on an image of one label changes."""
    system.create_optimizers()
    system.stage = system.stages()[0]
    before = {name: network.get_weights() for name, network in system.networks.items()}
    labels = np.full((1, SIDE, SIDE), label, "uint8")
    system.train_step({"image": noise(1, SIDE, SIDE).astype("float32"), "labels": labels})
    return {
        name
        for name, weights in before.items()
        if any(
            (a != b).any()
            for a, b in zip(weights, system.networks[name].get_weights(), strict=True)
        )
    }


def test_a_patch_of_void_changes_no_weight():
    assert step(make(weight_decay=0.0), segmentation.VOID) == set()


@pytest.mark.parametrize(
    "settings, changed", [({}, {"scores", "fusion"}), ({"fusion_rate": 0.0}, {"scores"})]
)
def test_a_step_changes_what_has_a_rate(settings, changed):
    assert step(make(**settings), 1) == changed


def test_the_papers_recipe_is_the_default():
    (stage,) = base.create(Config(**SMALL), fake_data()).stages()
    for sgd in stage.optimizers.values():
        assert (sgd.learning_rate, sgd.momentum, sgd.weight_decay) == (1e-4, 0.9, 1e-4)
        assert sgd.drops == ()  # the rate is constant
    assert Config(**SMALL).batch_size == 1


def test_evaluation_segments_whole_images(system, data):
    report = system.evaluate(data, "val")
    assert report.metrics.keys() == {
        "mean_iou",
        "pixel_accuracy",
        "class_accuracy",
        *(f"IoU/{c}" for c in CLASSES),
    }
    # The rows of void are not counted: all but one of 48, 37 and 48, and the pixel of the last
    # image.
    counted = sum(map(sum, report.details["confusion"]))
    assert counted == 47 * 60 + 36 * 53 + 47 * 60 + 1


def test_samples_and_plots_of_a_run(system, data, tmp_path):
    assert system.samples(data)["segmentations"].shape == (SIDE + 37 + SIDE + 1, 3 * 60, 3)
    written = system.plots(system.evaluate(data, "val"), data, tmp_path)
    assert all(path.stat().st_size > 1000 for path in written)


def test_exported_pngs_have_the_size_of_their_image_and_the_same_classes(system, data):
    signature = system.signatures(data)["predict"]
    shown = [noise(37, 53), noise(1, 1), noise(20, 64)]
    files = signature.function(image=tf.constant([images.encode_png(pixels) for pixels in shown]))
    for pixels, labels, painted in zip(
        shown, files["class_map_bytes"], files["coloured_bytes"], strict=True
    ):
        labels = tf.io.decode_png(labels).numpy()
        painted = tf.io.decode_png(painted).numpy()
        assert labels.shape == (*pixels.shape[:2], 1)
        np.testing.assert_array_equal(labels[..., 0], system.segment(pixels))
        np.testing.assert_array_equal(painted, data.colours[labels[..., 0]])


def test_bytes_that_are_no_image_are_refused(system, data):
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a JPEG or PNG"):
        system.signatures(data)["predict"].function(image=tf.constant([b"text"]))


def test_what_is_too_large_is_refused(system, data, monkeypatch):
    monkeypatch.setattr("tfvse.export.graph.MAX_NETWORK_PIXELS", 100)
    with pytest.raises(tf.errors.InvalidArgumentError, match="too many"):
        system.signatures(data)["predict"].function(
            image=tf.constant([images.encode_png(noise(11, 11))])
        )


@pytest.mark.parametrize(
    "settings, flag",
    [
        ({"crop": 0}, "crop"),
        ({"vgg16": "lpips"}, "vgg_width"),
        ({"fusion": "mean"}, "fusion"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, flag):
    with pytest.raises(UserError, match=f"--{flag}"):
        Config(**{**SMALL, **settings})
