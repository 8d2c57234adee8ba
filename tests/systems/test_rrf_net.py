import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse.errors import UserError
from tfvse.systems import base
from tfvse.systems.rrf_net import Config, branch, recurrent_residual

PAIRS = 12
IMAGE_DIM = 10
TEXT_DIM = 7


def batch(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": tf.constant(rng.normal(size=(PAIRS, IMAGE_DIM)), tf.float32),
        "text": tf.constant(rng.normal(size=(PAIRS, TEXT_DIM)), tf.float32),
        "image_id": tf.constant([0, 0, *range(2, PAIRS)], tf.int64),
    }


def config(**settings):
    small = {
        "steps": 30,
        "batch_size": PAIRS,
        "negatives": 4,
        "widths": "9,8,8,6",
        "text_encoder": "hub:sentences",
    }
    return Config(**{"system": "rrf_net", "data": "noise", **small, **settings})


def system(**settings):
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for name, value in batch().items()
    }
    chosen = config(**settings)
    data = types.SimpleNamespace(element_spec=spec, vocabulary=None, view=chosen.data_view())
    found = base.create(chosen, data)
    found.create_optimizers()
    found.stage = found.stages()[0]
    return found


def block(steps, fusion, weights):
    """The block alone, with the kernel [D, D] and without any effect of batch normalisation."""
    inputs = keras.Input((len(weights),))
    network = keras.Model(inputs, recurrent_residual(inputs, steps, fusion))
    network.get_layer("fc3").set_weights([np.array(weights), np.zeros(len(weights))])
    for layer in network.layers:
        if "norm" in layer.name:
            layer.epsilon = 0.0
    return network


def test_block_is_equations_5_1_to_5_6_by_hand():
    # w = -1 and x = -2: relu(2) - 2 = 0, then relu(-0) + 0 = 0.
    # w = 2 and x = 1: 2 + 1 = 3, then 6 + 3 = 9.
    x = np.array([[-2.0, 1.0]])
    weights = [[-1.0, 0.0], [0.0, 2.0]]
    np.testing.assert_allclose(block(1, "none", weights)(x), [[0.0, 9.0]], atol=1e-6)
    np.testing.assert_allclose(block(1, "sum", weights)(x), [[0.0, 12.0]], atol=1e-6)
    # The convolution starts as the mean.
    np.testing.assert_allclose(block(1, "convolution", weights)(x), [[0.0, 6.0]], atol=1e-6)


def test_a_residual_branch_starts_as_its_input():
    features = np.float32([[0.5, -2.0, 1.0, 0.0, 3.0, -1.0]])
    np.testing.assert_allclose(
        branch(6, config(residual=True), "image_branch")(features), features, atol=1e-6
    )


def test_a_residual_branch_of_another_width_is_told():
    with pytest.raises(UserError, match="--residual: a branch gives 6 numbers and reads 10"):
        branch(10, config(residual=True), "image_branch")


def test_recurrences_share_the_layer_but_not_its_normalisation():
    # FC1 to FC4 with biases; batch normalisation has a scale and an offset a channel; fusion has
    # T + 1 weights and a bias.
    dense = 10 * 9 + 9 + 9 * 8 + 8 + 8 * 8 + 8 + 8 * 6 + 6
    for steps in (1, 2, 3, 4):
        network = branch(IMAGE_DIM, config(recurrent_steps=steps), "image_branch")
        trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
        assert trained == dense + 2 * (8 + 8 * (steps + 1) + 6) + (steps + 1) + 1


def test_branch_has_the_layers_of_the_paper():
    network = branch(2048, config(widths="2048,512,512,512", block="plain"), "image_branch")
    dense = [
        layer.kernel.shape for layer in network.layers if isinstance(layer, keras.layers.Dense)
    ]
    assert dense == [(2048, 2048), (2048, 512), (512, 512), (512, 512)]
    assert [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)] == [
        0.0,
        0.5,
    ]


def naive_loss(found, data):
    """Eqs 5.7 to 5.10 as they are printed, in distances, over loops."""

    def unit(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def distance(a, b):
        return 1 - a @ b

    x = unit(np.asarray(found.embed_image(data["image"], training=False)))
    y = unit(np.asarray(found.embed_text(data["text"], training=False)))
    ids = data["image_id"].numpy()
    c = found.config
    total = 0.0
    for i in range(PAIRS):
        others = np.flatnonzero(ids != ids[i])
        for weight, query, pool in (
            (c.image_to_text_weight, x[i], y),
            (c.text_to_image_weight, y[i], x),
        ):
            hardest = sorted(others, key=lambda j: distance(query, pool[j]))[: c.negatives]
            pair = distance(x[i], y[i])
            for j in hardest:
                total += (
                    weight * c.cross_weight * max(0, pair - distance(query, pool[j]) + c.margin)
                )
                total += (
                    weight * c.intra_weight * max(0, pair - distance(pool[i], pool[j]) + c.margin)
                )
    return total / PAIRS / c.negatives


@pytest.mark.parametrize("intra_weight", [0.5, 0.0])
def test_loss_is_equation_5_10(intra_weight):
    found = system(margin=0.3, intra_weight=intra_weight, dropout=0.0)
    data = batch()
    embed_image = found.embed_image
    embed_text = found.embed_text
    found.embed_image = lambda image, training: embed_image(image, training=False)
    found.embed_text = lambda text, training: embed_text(text, training=False)
    losses, _ = found.losses(data)
    np.testing.assert_allclose(
        losses["image_to_text"] + losses["text_to_image"], naive_loss(found, data), rtol=1e-4
    )


def test_a_collapsed_branch_is_noticed():
    found = system()
    assert found.warning(found.losses(batch())[1]) is None
    norm = found.networks["text_branch"].get_layer("fc4_norm")
    norm.set_weights([np.zeros(6), np.ones(6), np.zeros(6), np.ones(6)])
    assert "collapsed" in found.warning(found.losses(batch())[1])


def test_training_lowers_the_loss_and_pairs_are_found():
    found = system(
        optimizer="adam", learning_rate=0.01, schedule="constant", weight_decay=0.0, dropout=0.0
    )
    step = tf.function(found.train_step)
    data = batch()
    losses = [float(step(data)["loss"]) for _ in range(80)]
    assert losses[-1] < 0.5 * losses[0]
    images = found.embed_images(data["image"])["embedding"]
    texts = found.embed_texts(data["text"])["embedding"]
    assert (
        np.argmax(images @ tf.transpose(texts), axis=1)[2:] == np.arange(PAIRS)[2:]
    ).mean() >= 0.5


def test_block_needs_an_input_as_wide_as_its_output():
    with pytest.raises(UserError, match="FC2 must be as wide as FC3"):
        config(widths="9,8,7,6")
    assert config(widths="9,8,7,6", block="plain").widths == "9,8,7,6"
