"""Pooling over words."""

import keras
import numpy as np
import pytest

from tfvse.layers.text import MaskedMax, MaskedMean

# Two texts of at most three words of two numbers; the second has one word, the third none.
WORDS = np.array(
    [[[1, -1], [3, -5], [2, -3]], [[-4, 2], [9, 9], [9, 9]], [[7, 7], [8, 8], [9, 9]]], np.float32
)
MASK = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], bool)


def test_mean():
    # (1 + 3 + 2) / 3 = 2, (-1 - 5 - 3) / 3 = -3; the single word; nothing.
    np.testing.assert_allclose(MaskedMean()(WORDS, mask=MASK), [[2, -3], [-4, 2], [0, 0]])


def test_max():
    np.testing.assert_allclose(MaskedMax()(WORDS, mask=MASK), [[3, -1], [-4, 2], [0, 0]])


@pytest.mark.parametrize(("layer", "oracle"), [(MaskedMean, np.mean), (MaskedMax, np.max)])
def test_without_a_mask_every_word_counts(layer, oracle):
    np.testing.assert_allclose(layer()(WORDS), oracle(WORDS, axis=1), rtol=1e-6)


@pytest.mark.parametrize(("layer", "oracle"), [(MaskedMean, np.mean), (MaskedMax, np.max)])
def test_against_numpy(layer, oracle):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, 20)
    words = rng.normal(size=[20, 8, 4]).astype(np.float32)
    expected = [oracle(text[:length], axis=0) for text, length in zip(words, lengths, strict=True)]
    mask = np.arange(8) < lengths[:, None]
    np.testing.assert_allclose(layer()(words, mask=mask), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras' saving with NumPy 2
@pytest.mark.parametrize("layer", [MaskedMean, MaskedMax])
def test_takes_the_mask_of_an_embedding_and_stops_it(layer, tmp_path):
    tokens = keras.Input([3], dtype="int32")
    rows = np.array([[9, 9], [1, 2], [3, 0]], np.float32)  # padding has the largest numbers
    words = keras.layers.Embedding(3, 2, mask_zero=True, weights=[rows])
    model = keras.Model(tokens, layer()(words(tokens)))
    assert getattr(model.output, "_keras_mask", None) is None
    texts = np.array([[1, 0, 0], [2, 2, 0], [0, 0, 0]])
    np.testing.assert_allclose(model(texts), [[1, 2], [3, 0], [0, 0]])
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "model.keras")(texts), model(texts)
    )


def test_no_gradient_reaches_padding():
    import tensorflow as tf

    words = tf.constant(WORDS)
    with tf.GradientTape() as tape:
        tape.watch(words)
        pooled = MaskedMean()(words, mask=MASK) + MaskedMax()(words, mask=MASK)
    gradient = tape.gradient(pooled, words).numpy()
    assert (
        np.isfinite(gradient).all()
        and not gradient[~MASK].any()
        and gradient[MASK].any(axis=-1).any()
    )
