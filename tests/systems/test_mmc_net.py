import types

import numpy as np
import pytest
import tensorflow as tf

from tfvse.errors import UserError
from tfvse.systems import base
from tfvse.systems.mmc_net import Config
from tfvse.systems.mmc_net_networks import branch, classifier

PAIRS = 12
IMAGE_DIM = 10
TEXT_DIM = 7
CLASSES = 3


def batch(single_label=True):
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=PAIRS)
    several = (rng.random((PAIRS, CLASSES)) < 0.5).astype(np.float32)
    return {
        "image": tf.constant(rng.normal(size=(PAIRS, IMAGE_DIM)), tf.float32),
        "text": tf.constant(rng.normal(size=(PAIRS, TEXT_DIM)), tf.float32),
        "image_id": tf.constant([0, 0, *range(2, PAIRS)], tf.int64),
        "label": tf.constant(labels if single_label else several),
    }


def config(**settings):
    small = {"steps": 4, "batch_size": PAIRS, "negatives": 4, "widths": "9,8,8,8", "pooled_dim": 16}
    return Config(
        **{
            "system": "mmc_net",
            "data": "noise",
            "text_encoder": "hub:sentences",
            **small,
            **settings,
        }
    )


def system(single_label=True, **settings):
    data = batch(single_label)
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype) for name, value in data.items()
    }
    classes = ("a", "b", "c") if settings.get("variant") != "mm" else ()
    chosen = config(**settings)
    dataset = types.SimpleNamespace(
        element_spec=spec,
        vocabulary=None,
        classes=classes,
        single_label=single_label,
        view=chosen.data_view(),
    )
    found = base.create(chosen, dataset)
    found.create_optimizers()
    found.stage = found.stages()[0]
    return found


def weights(found):
    return {
        name: [w.copy() for w in network.get_weights()] for name, network in found.networks.items()
    }


def changed(before, after):
    return {
        n
        for n in before
        if any(not np.array_equal(a, b) for a, b in zip(before[n], after[n], strict=True))
    }


def test_stages_are_algorithm_3():
    match, classify, joint = system(joint_length=6).stages()
    assert match.trains["main"] == ("image_branch", "text_branch") and classify.trains["main"] == (
        "classifier",
    )
    assert joint.trains["main"] == ("image_branch", "text_branch", "classifier")
    assert (match.steps, classify.steps, joint.steps) == (4, 4, 6)
    rates = [stage.optimizers["main"].learning_rate for stage in (match, classify, joint)]
    assert rates == sorted(rates, reverse=True) and len(set(rates)) == 3
    assert joint.loss_weights["classification"] == 0.5 / 4  # beta over K, as L_mat


@pytest.mark.parametrize(("variant", "names"), [("mm", ["match"]), ("mc", ["classify"])])
def test_the_baselines_have_one_stage(variant, names):
    settings = {"labels": "none"} if variant == "mm" else {}
    assert [stage.name for stage in system(variant=variant, **settings).stages()] == names


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_stage_changes_what_it_names(number):
    found = system()
    found.stage = found.stages()[number]
    before = weights(found)
    found.train_step(batch())
    assert changed(before, weights(found)) == set(found.stage.trains["main"])


def test_matching_loss_is_equation_7_4():
    found = system(margin=0.3, dropout=0.0)
    data = batch()
    found.stage = found.stages()[1]  # in which batch normalisation does not follow the batch

    def unit(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    f = unit(found.embed_image(data["image"], training=False).numpy())
    g = unit(found.embed_text(data["text"], training=False).numpy())
    distance = 1 - f @ g.T
    ids = data["image_id"].numpy()
    total = 0.0
    for i in range(PAIRS):
        for row, weight in ((distance[i], 1.0), (distance[:, i], found.config.alpha)):
            hardest = np.sort(row[ids != ids[i]])[: found.config.negatives]
            total += weight * np.maximum(0, distance[i, i] - hardest + 0.3).sum()
    np.testing.assert_allclose(
        found.losses(data)[0]["matching"], total / PAIRS / found.config.negatives, rtol=1e-4
    )


@pytest.mark.parametrize("single_label", [True, False])
def test_classification_loss_is_equations_7_9_to_7_12(single_label):
    found = system(single_label)
    data = batch(single_label)
    found.stage = found.stages()[1]
    p = found.probabilities(data["image"], data["text"]).numpy()
    if single_label:
        expected = -np.log(p[np.arange(PAIRS), data["label"]]).mean()
    else:
        g = data["label"].numpy()
        expected = -(g * np.log(p) + (1 - g) * np.log(1 - p)).sum(axis=1).mean()
    np.testing.assert_allclose(found.losses(data)[0]["classification"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("pooling", "width"),
    [("compact_bilinear", 16), ("bilinear", 64), ("concatenation", 16), ("image", 8)],
)
def test_pooling_decides_the_width_of_what_is_classified(pooling, width):
    network = classifier(8, CLASSES, config(pooling=pooling))
    assert [w.shape for w in network.trainable_weights] == [(width, CLASSES)]
    image = np.ones((2, 8), np.float32)
    text = np.full((2, 8), 0.5, np.float32)
    sees_text = not np.allclose(network([image, text]), network([image, -text * np.arange(8)]))
    assert sees_text == (pooling != "image")


@pytest.mark.parametrize(
    ("fusion", "weights"), [("none", 0), ("sum", 0), ("product", 0), ("convolution", 3 + 8)]
)
def test_fusion_has_three_weights_and_a_bias_per_channel(fusion, weights):
    def count(fusion):
        return branch(5, config(layer_fusion=fusion), "b").count_params()

    assert count(fusion) - count("none") == weights


def test_branch_and_classifier_have_the_papers_size():
    # Table 7.13: about 8 million weights for matching; 41,000 to classify the 20 classes of Pascal
    # Sentence.
    sizes = {"widths": "2048,512,512,512", "pooled_dim": 2048}
    branches = [branch(dim, config(**sizes), "b").count_params() for dim in (2048, 300)]
    assert 7.0e6 < sum(branches) < 8.5e6
    trained = classifier(512, 20, config(**sizes)).trainable_weights
    assert sum(int(np.prod(weight.shape)) for weight in trained) == 2048 * 20


def test_matching_alone_has_no_labels_and_the_others_have():
    assert config(variant="mm", labels="none").labels == "none"
    for settings in ({"variant": "mm"}, {"labels": "none"}):
        with pytest.raises(UserError, match="--labels"):
            config(**settings)
    with pytest.raises(UserError, match="equally wide"):
        config(widths="9,8,8,6")
