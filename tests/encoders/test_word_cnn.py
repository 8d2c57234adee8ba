"""Dual-Path's word CNN and the words that it reads."""

import types

import keras
import numpy as np
import pytest

from tests.encoders.test_text import TOKENS, changed, create
from tfvse.encoders import word_cnn
from tfvse.errors import UserError


def awake(network):
    """`network` with every block at its full size; at first they give their shortcut alone."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.ones(layer.gamma.shape))
    return network


@pytest.fixture
def small(config):
    return changed(config, text_dim=64, position_shift=False)


def placed(tokens, training, shift=True):
    return keras.ops.convert_to_numpy(
        word_cnn.PlacedWords(shift)(np.array(tokens, np.int32), training=training)
    )


def test_unknown_words_are_dropped_and_leave_no_gap():
    np.testing.assert_array_equal(
        placed([[1, 7, 1, 5, 0], [1, 1, 0, 0, 0]], False), [[7, 5, 0, 0, 0], [0] * 5]
    )


def test_a_text_begins_anywhere_in_training_and_keeps_its_order():
    found = placed([[1, 7, 5, 0, 0]] * 200, True)
    assert {tuple(row) for row in found} == {(0,) * k + (7, 5) + (0,) * (3 - k) for k in range(4)}
    starts = np.bincount((found == 7).argmax(1)) / 200
    np.testing.assert_allclose(starts, 0.25, atol=0.15)


def test_a_full_text_has_one_place_only():
    np.testing.assert_array_equal(placed([[2, 3, 4, 5]] * 3, True), [[2, 3, 4, 5]] * 3)


def test_the_shift_can_be_turned_off():
    np.testing.assert_array_equal(
        placed([[7, 5, 0, 0]] * 20, True, shift=False), [[7, 5, 0, 0]] * 20
    )


def test_layers_and_widths_are_those_of_the_paper():
    words = keras.Input((32, 300))
    network = keras.Model(words, word_cnn.residual_words(words, 2048))
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv1D)]
    assert sum(layer.kernel_size == (2,) for layer in convolutions) == 3 + 4 + 6 + 1
    sums = [
        layer.output.shape[1:] for layer in network.layers if isinstance(layer, keras.layers.Add)
    ]
    assert sums == [(32, 256)] * 3 + [(16, 512)] * 4 + [(8, 1024)] * 6 + [(8, 2048)]
    inner = [layer.filters for layer in convolutions if layer.kernel_size == (2,)]
    assert inner == [128, 64, 64, 512, 128, 128, 128, 1024, 256, 256, 256, 256, 256, 2048]
    assert network.output_shape == (None, 2048)


def test_a_word_sees_the_one_before_it():
    words = keras.Input((4, 1))
    block = awake(keras.Model(words, word_cnn._block(words, 1, 1, 1, project=False)))
    for layer in block.layers:
        if isinstance(layer, keras.layers.Conv1D):
            layer.set_weights([np.ones(layer.kernel.shape)])
    found = block(np.array([[[1.0], [0.0], [0.0], [0.0]]]))
    # 1, and the sums (1, 1, 0, 0) of every word and the one before it; batch normalisation divides
    # by √1.001 thrice.
    np.testing.assert_allclose(found[0, :, 0], [2.0, 1.0, 0.0, 0.0], atol=2e-3)


def test_a_block_begins_as_its_shortcut():
    words = keras.Input((4, 3))
    block = keras.Model(words, word_cnn._block(words, 3, 2, 1, project=False))
    texts = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(block(texts), np.maximum(texts, 0))


def test_padding_is_zeros_whatever_its_vector(small):
    network = awake(create("word_cnn", small))
    before = network(TOKENS)
    table = network.get_layer("words")
    vectors = table.get_weights()[0]
    vectors[:2] = 9.0  # of padding and of unknown words
    table.set_weights([vectors])
    np.testing.assert_array_equal(network(TOKENS), before)


def test_every_weight_learns(small):
    import tensorflow as tf

    network = awake(create("word_cnn", small))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(TOKENS, training=True) ** 2)
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    assert network.output_shape == (None, 64)
    assert all(np.isfinite(g).all() and np.any(g) for g in map(tf.convert_to_tensor, gradients))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text_dim": 40}, "--text_dim=40: must be a multiple of 32"),
        ({"train_text_encoder": False}, "word_cnn: needs --train_text_encoder"),
    ],
)
def test_what_does_not_go(small, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        create("word_cnn", types.SimpleNamespace(**{**vars(small), **changes}))
