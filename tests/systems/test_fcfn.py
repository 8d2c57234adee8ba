"""FCN-8s and FCFN: the two fusions against NumPy, any size, void, what is exported."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.data import images, manifest, segmentation, verification
from tfvse.errors import UserError
from tfvse.layers.upsampling import upsample
from tfvse.layers.vgg import VGG16Features
from tfvse.systems import base
from tfvse.systems.fcfn import FUSIONS, Config, FullyConvolutionalNetwork

SIDE, CLASSES = 48, ("sky", "sea", "moon")
SMALL = {"steps": 2, "vgg16": "none", "vgg_width": 4, "head_channels": 8, "head_kernel": 3, "crop": SIDE}


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def random_network(fusion, seed=0):
    """A small network, built for SIDE x SIDE, whose weights are all random, those of scorers and fusions as well."""
    network = FullyConvolutionalNetwork(VGG16Features(4), 3, fusion, 8, 3)
    network(np.zeros((1, SIDE, SIDE, 3), "float32"))
    keras.utils.set_random_seed(seed)
    for layer in (*network.scorers, *network.fusions):
        for weight in layer.weights:
            weight.assign(keras.random.normal(weight.shape))
    return network


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four pictures of two sizes; the left half is sky, the right sea, the last row void. For training and val."""
    folder, splits = tmp_path_factory.mktemp("segmentation"), {}
    for split in ("train", "val"):
        splits[split] = []
        for i, (height, width) in enumerate([(SIDE, 60), (37, 53), (SIDE, 60), (1, 1)]):
            labels = np.repeat((np.arange(width) > width / 2)[None], height, 0).astype(np.uint8)
            labels[height - (height > 1) :] = segmentation.VOID
            files = images.encode_png(pictures(height, width, seed=i)), images.encode_png(labels)
            splits[split].append(segmentation.LabelledPixels(f"{split}-{i}", *files))
    colours = [(0, 0, 255), (0, 128, 128), (250, 250, 200)]
    found = segmentation.write(folder, splits, CLASSES, colours, verification.Findings())
    manifest.write(folder, {"data_set": "camvid", **found})
    config = types.SimpleNamespace(prepared_path=folder, patch_size=SIDE, resize_to=0, mirror=True)
    return segmentation.SegmentationData(config, found)


@pytest.fixture(scope="module")
def system(data):
    """With random scores, so that all classes are predicted."""
    system = base.create(Config(**SMALL), data)
    system.networks["segmenter"].set_weights(random_network("locally_connected").get_weights())
    return system


def test_fusion_is_that_of_equations_2_7_and_2_8():
    network, image = random_network("locally_connected"), pictures(1, SIDE, SIDE).astype("float32")
    top, pool4, pool3 = (np.array(scores) for scores in network.scores(image))
    assert [scores.shape[1] for scores in (top, pool4, pool3)] == [SIDE // 32 + 1, SIDE // 16, SIDE // 8]
    fused = top
    for fusion, finer in zip(network.fusions, (pool4, pool3), strict=True):
        weight, bias = fusion.kernel.numpy(), fusion.bias.numpy()
        coarser = np.array(upsample(fused, finer))
        fused = weight[..., 0] * finer + weight[..., 1] * coarser + bias
    np.testing.assert_allclose(network(image), upsample(fused, image), rtol=1e-4, atol=1e-4)


def test_fcn_8s_adds():
    network, image = random_network("sum"), pictures(1, SIDE, SIDE).astype("float32")
    top, pool4, pool3 = network.scores(image)
    expected = upsample(pool3 + upsample(pool4 + upsample(top, pool4), pool3), image)
    np.testing.assert_allclose(network(image), expected, rtol=1e-4, atol=1e-4)


def test_parameters_of_fcn_8s():
    # fc6 7·7·C·K + K, fc7 K² + K, scores of 21 classes on K, C and C/2 channels, of C = 32 (512 in full) and K = 16
    # (4096 in full).
    network = FullyConvolutionalNetwork(VGG16Features(4), 21, "sum", 16, 7)
    network(np.zeros((1, 1, 1, 3), "float32"))
    head = (7 * 7 * 32 * 16 + 16) + (16**2 + 16)
    assert network.count_params() - network.features.count_params() == head + 21 * (16 + 32 + 16 + 3)


def test_locally_connected_fusion_has_two_weights_and_a_bias_for_every_place_and_class():
    fused, added = (random_network(fusion).count_params() for fusion in ("locally_connected", "sum"))
    places = (SIDE // 16) ** 2 + (SIDE // 8) ** 2
    assert fused - added == places * 3 * 2 + places * 3


def test_training_starts_at_no_preference_and_at_the_mean():
    network = FullyConvolutionalNetwork(VGG16Features(4), 3, "locally_connected", 8, 3)
    assert np.abs(network(pictures(1, SIDE, SIDE))).max() == 0
    assert all((fusion.kernel.numpy() == 0.5).all() for fusion in network.fusions)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("height, width", [(1, 1), (37, 53), (64, 20)])
def test_any_size(fusion, height, width):
    logits = random_network(fusion)(pictures(2, height, width))
    assert logits.shape == (2, height, width, 3) and np.isfinite(logits).all() and logits.dtype == tf.float32


@pytest.mark.parametrize("void", [0.0, 0.5, 1.0])
def test_loss_is_equation_2_9_over_the_number_of_pixels(data, void):
    system = base.create(Config(**SMALL, dropout=0.0), data)
    network = system.networks["segmenter"]
    network.set_weights(random_network("locally_connected").get_weights())
    rng = np.random.default_rng(0)
    batch = {
        "image": pictures(2, SIDE, SIDE).astype("float32"),
        "labels": rng.integers(0, 3, (2, SIDE, SIDE), np.uint8),
    }
    batch["labels"][:, : int(void * SIDE)] = segmentation.VOID
    logits = np.array(network(batch["image"]), "float64")
    own = np.take_along_axis(logits, np.minimum(batch["labels"], 2)[..., None].astype(int), -1)[..., 0]
    costs = np.where(batch["labels"] == segmentation.VOID, 0, np.log(np.exp(logits).sum(-1)) - own)
    assert float(system.losses(batch)["cross_entropy"]) == pytest.approx(costs.sum() / (2 * SIDE**2), rel=1e-4)


def test_a_patch_of_void_changes_no_weight(data):
    system = base.create(Config(**SMALL, weight_decay=0.0), data)
    system.create_optimizers()
    system.stage = system.stages()[0]
    before = system.networks["segmenter"].get_weights()
    labels = np.full((1, SIDE, SIDE), segmentation.VOID, "uint8")
    system.train_step({"image": pictures(1, SIDE, SIDE).astype("float32"), "labels": labels})
    for old, new in zip(before, system.networks["segmenter"].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_papers_recipe_is_the_default():
    (stage,) = base.create(Config(**SMALL), fake_data()).stages()
    sgd = stage.optimizers["main"]
    assert (sgd.learning_rate, sgd.momentum, sgd.weight_decay, sgd.schedule) == (1e-4, 0.9, 1e-4, "constant")
    assert Config(**SMALL).batch_size == 1


def fake_data():
    spec = {"image": tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)}
    return types.SimpleNamespace(element_spec=spec, classes=CLASSES)


def test_evaluation_segments_whole_pictures(system, data):
    report = system.evaluate(data, "val")
    assert report.metrics.keys() == {"mean_iou", "pixel_accuracy", "class_accuracy", *(f"IoU/{c}" for c in CLASSES)}
    # The rows of void are not counted: all but one of 48, 37 and 48, and the pixel of the last picture.
    counted = sum(map(sum, report.details["confusion"]))
    assert counted == 47 * 60 + 36 * 53 + 47 * 60 + 1
    assert report.protocol["parameters"] == system.networks["segmenter"].count_params()


def test_pictures_of_a_run(system, data, tmp_path):
    assert system.samples(data)["segmentations"].shape == (SIDE + 37 + SIDE + 1, 3 * 60, 3)
    assert all(path.stat().st_size > 1000 for path in system.plots(data, "val", tmp_path))


def test_exported_pngs_have_the_size_of_their_picture_and_the_same_classes(system, data):
    signature = system.signatures(data)["predict"]
    shown = [pictures(37, 53), pictures(1, 1), pictures(20, 64)]
    files = signature.function(image=tf.constant([images.encode_png(pixels) for pixels in shown]))
    for pixels, labels, painted in zip(shown, files["class_map_bytes"], files["coloured_bytes"], strict=True):
        labels, painted = tf.io.decode_png(labels).numpy(), tf.io.decode_png(painted).numpy()
        assert labels.shape == (*pixels.shape[:2], 1)
        np.testing.assert_array_equal(labels[..., 0], system.segment(pixels))
        np.testing.assert_array_equal(painted, data.colours[labels[..., 0]])


def test_bytes_that_are_no_picture_are_refused(system, data):
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a JPEG or PNG"):
        system.signatures(data)["predict"].function(image=tf.constant([b"text"]))


def test_what_is_too_large_is_refused(system, data, monkeypatch):
    monkeypatch.setattr("tfvse.export.graph.MAX_TRANSLATED_PIXELS", 100)
    with pytest.raises(tf.errors.InvalidArgumentError, match="too many"):
        system.signatures(data)["predict"].function(image=tf.constant([images.encode_png(pictures(11, 11))]))


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
