"""Text networks against NumPy, frozen or trained, from weights files."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.encoders.torch_file import state_dict_bytes
from tfvse import encoders
from tfvse.encoders import bilstm, word_embedding
from tfvse.errors import UserError

VOCABULARY = types.SimpleNamespace(words=["dog", "cat", "red"], size=5)
VECTORS = np.array([[0, 0, 0], [0, 0, 0], [1, 2, 3], [-1, 0, 5], [4, 4, -4]], np.float32)
TOKENS = np.array([[2, 3, 4, 0], [4, 0, 0, 0], [0, 0, 0, 0], [2, 3, 4, 2]], np.int32)


def changed(config, **changes):
    return types.SimpleNamespace(**{**vars(config), **changes})


def data(vocabulary=VOCABULARY):
    """A data set: vocabulary, training texts and the width of extracted features."""
    train = types.SimpleNamespace(text_inputs=lambda: TOKENS, image_of_text=np.array([0, 1, 1, 0]))
    spec = {"text": tf.TensorSpec([None, 4], tf.float32)}
    known = np.arange(len(TOKENS))
    return types.SimpleNamespace(
        vocabulary=vocabulary, split=lambda name: train, element_spec=spec, known_texts=known
    )


def create(name, config, vocabulary=VOCABULARY):
    return encoders.text_network(changed(config, text_encoder=name), data(vocabulary))


def lstm(words, kernel, recurrent, bias):
    """States of a plain LSTM; words [L, D]; gates input, forget, cell, output."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    states, hidden, cell = [], np.zeros(len(recurrent)), np.zeros(len(recurrent))
    for word in words:
        i, f, c, o = np.split(word @ kernel + hidden @ recurrent + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(cell)
        states.append(hidden)
    return np.array(states)


def bilstm_max(tokens, weights):
    """Reads only the words of one text, forwards and backwards, and pools."""
    words = VECTORS[tokens[tokens > 0]]
    forward = lstm(words, *weights[:3]).max(axis=0)
    backward = lstm(words[::-1], *weights[3:]).max(axis=0)
    return np.concatenate([forward, backward])


def test_glove_mean_by_hand(config):
    # (1 - 1 + 4) / 3, (2 + 0 + 4) / 3, (3 + 5 - 4) / 3; one word; none; (1 - 1 + 4 + 1) / 4, ...
    expected = [[4 / 3, 2, 4 / 3], [4, 4, -4], [0, 0, 0], [1.25, 2, 1.75]]
    np.testing.assert_allclose(create("glove_mean", config)(TOKENS), expected, rtol=1e-6)


def test_word_pool_by_hand(config):
    network = create("word_pool", changed(config, text_dim=2))
    projection = network.get_layer("projection").get_weights()[0]
    frequency = np.array([3, 2, 3]) / 8  # of dog, cat and red in TOKENS
    dog, cat, red = 0.001 / (0.001 + frequency)
    expected = (dog * VECTORS[2] + cat * VECTORS[3] + red * VECTORS[4]) / np.sqrt(
        dog**2 + cat**2 + red**2
    )
    found = network(TOKENS).numpy()
    np.testing.assert_allclose(found[0, 2:], expected, rtol=1e-4)
    np.testing.assert_allclose(found[0, :2], (VECTORS[2:] @ projection).max(axis=0), rtol=1e-4)
    np.testing.assert_array_equal(found[2], 0)


def test_dropped_words_do_not_change_the_length_of_a_text(config):
    one = TOKENS[1:2].repeat(50, axis=0)  # one word: dropped, or there at its full length
    found = create("word_pool", changed(config, text_dim=0, word_dropout=0.5))(
        one, training=True
    ).numpy()
    assert {tuple(row) for row in found.round(4).tolist()} == {(0.0, 0.0, 0.0), (4.0, 4.0, -4.0)}


def test_latent_numbers_stand_beside_the_pretrained(config):
    words = create("word_pool", changed(config, latent_dim=2)).get_layer("words").get_weights()[0]
    np.testing.assert_array_equal(words[:, :3], VECTORS)
    assert words.shape == (5, 5) and words[2:, 3:].std() > 0.1


def test_bilstm_max_against_numpy(config):
    network = create("bilstm_max", config)
    weights = network.get_layer("bilstm").get_weights()
    expected = [bilstm_max(tokens, weights) if tokens.any() else np.zeros(8) for tokens in TOKENS]
    np.testing.assert_allclose(network(TOKENS), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["glove_mean", "bilstm_max"])
def test_padding_does_not_matter(name, config):
    keras.utils.set_random_seed(0)
    short = create(name, config)
    long = create(name, changed(config, max_words=9))
    long.set_weights(short.get_weights())
    padded = np.pad(TOKENS, [(0, 0), (0, 5)])
    np.testing.assert_allclose(long(padded), short(TOKENS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "variables"), [("glove_mean", 1), ("bilstm_max", 7)])
def test_trained_or_frozen(name, variables, config, tmp_path):
    network = create(name, config)
    assert len(network.trainable_variables) == variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(TOKENS) ** 2)
    gradients = tape.gradient(loss, network.trainable_variables)
    assert all(np.isfinite(g).all() and np.any(g) for g in map(tf.convert_to_tensor, gradients))
    if name == "bilstm_max":
        bilstm.save_weights(network, VOCABULARY, tmp_path / "w.npz")
        config = changed(config, text_weights=str(tmp_path / "w.npz"))
    assert not create(name, changed(config, train_text_encoder=False)).trainable_variables


def test_lstm_gives_the_state_after_the_last_word(config):
    network = create("lstm", config)
    weights = network.get_layer("lstm").get_weights()
    for row, found in zip(TOKENS, network(TOKENS).numpy(), strict=True):
        states = lstm(VECTORS[row[row > 0]], *weights)
        np.testing.assert_allclose(
            found, states[-1] if len(states) else np.zeros(8), rtol=1e-5, atol=1e-6
        )


def test_words_learnt_from_nothing(config):
    assert create("glove_mean", changed(config, word_vectors="none")).output_shape == (
        None,
        word_embedding.LEARNED_DIM,
    )


def test_saved_weights_serve_another_vocabulary(config, tmp_path):
    path = tmp_path / "encoder.npz"
    network = create("bilstm_max", config)
    bilstm.save_weights(network, VOCABULARY, path)
    frozen = changed(config, text_weights=str(path), word_vectors="none", train_text_encoder=False)
    other = types.SimpleNamespace(words=["red", "bird", "dog", "cat"], size=6)
    reloaded = create("bilstm_max", frozen, other)
    np.testing.assert_array_equal(reloaded(np.array([[4, 5, 2, 0]])), network(TOKENS[:1]))


def test_infersent_file(config, tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"weight_ih": [16, 3], "weight_hh": [16, 4], "bias_ih": [16], "bias_hh": [16]}
    state = {
        f"enc_lstm.{name}_{suffix}": rng.normal(size=shape).astype(np.float32)
        for suffix in ("l0", "l0_reverse")
        for name, shape in shapes.items()
    }
    (tmp_path / "infersent1.pkl").write_bytes(state_dict_bytes(state))
    settings = changed(
        config, text_weights=str(tmp_path / "infersent1.pkl"), train_text_encoder=False
    )
    weights = []
    for suffix in ("l0", "l0_reverse"):
        kernel, recurrent, *biases = (state[f"enc_lstm.{name}_{suffix}"] for name in shapes)
        weights += [kernel.T, recurrent.T, sum(biases)]
    expected = bilstm_max(TOKENS[0], weights)
    np.testing.assert_allclose(
        create("bilstm_max", settings)(TOKENS)[0], expected, rtol=1e-5, atol=1e-6
    )


def test_precomputed_features_pass_through(config):
    features = np.ones([2, 4], np.float32)
    np.testing.assert_array_equal(create("hub:x", config, None)(features), features)


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("bilstm_mix", {}, "did you mean bilstm_max"),
        (
            "bilstm_max",
            {"train_text_encoder": False},
            "needs --text_weights=<file>, or --train_text_encoder",
        ),
        ("bilstm_max", {"text_dim": 7}, "--text_dim=7: must be even"),
        ("bilstm_max", {"text_weights": "missing.npz"}, "--text_weights=missing.npz: No such file"),
        ("bilstm_max", {"text_weights": "missing.pkl"}, "Cannot read the weights missing.pkl"),
        ("lstm", {"train_text_encoder": False}, "lstm: needs --train_text_encoder"),
        ("lstm", {"text_dim": 0}, "--text_dim=0: must be at least 1"),
        (
            "glove_mean",
            {"word_vectors": "none", "train_text_encoder": False},
            "needs --word_vectors",
        ),
        ("glove_mean", {"word_vectors": "missing.txt"}, "--word_vectors=missing.txt: missing"),
    ],
)
def test_what_does_not_go(name, changes, sentence, config):
    with pytest.raises(UserError, match=sentence):
        create(name, changed(config, **changes))


def test_weights_of_another_width(config, tmp_path):
    bilstm.save_weights(create("bilstm_max", config), VOCABULARY, tmp_path / "w.npz")
    with pytest.raises(UserError, match="holds 4 units a direction .* ask for 3"):
        create("bilstm_max", changed(config, text_weights=str(tmp_path / "w.npz"), text_dim=6))


@pytest.mark.parametrize("name", ["w.npz", "w.pkl"])
@pytest.mark.parametrize("content", [b"", b"PK\3\4 broken", b"words"])
def test_weights_that_are_none(name, content, config, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        UserError, match="does not hold a bilstm_max|not a whole PyTorch state dict"
    ):
        create("bilstm_max", changed(config, text_weights=str(tmp_path / name)))


def test_a_state_dict_of_something_else(config, tmp_path):
    (tmp_path / "w.pkl").write_bytes(state_dict_bytes({"weight": np.zeros([2], np.float32)}))
    with pytest.raises(UserError, match="has no enc_lstm.weight_ih_l0"):
        create("bilstm_max", changed(config, text_weights=str(tmp_path / "w.pkl")))
