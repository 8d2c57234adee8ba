"""A bidirectional LSTM with max pooling over the words, and its files of weights.

A. Conneau et al., "Supervised Learning of Universal Sentence Representations from Natural Language
Inference Data" (InferSent), EMNLP 2017; 2 x 2048 units there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfvse.encoders import array_files, torch_state, word_vectors
from tfvse.encoders.word_embedding import embed, start
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.layers.text import MaskedMax
from tfvse.typing import Array, PathLike

# The arrays of the layer, in Keras's order, by their names in a file of weights.
_PARTS = (
    "forward_kernel",
    "forward_recurrent",
    "forward_bias",
    "backward_kernel",
    "backward_recurrent",
    "backward_bias",
)


def create(
    config: Any,
    data: Any,
) -> keras.Model:
    """Makes the network.

    Args:
      config: as of `tfvse.encoders.text.create`; `text_dim` is even, half of it for each direction.
      data: loaded matching data set; has `vocabulary`.

    Returns:
      Model int32 [B, max_words] → float32 [B, text_dim], zeros for a text without words.

    Raises:
      UserError: there is nothing to start from and nothing is trained, the width is odd, or
        `text_weights` cannot be used.
    """
    if not (config.train_text_encoder or config.text_weights):
        raise UserError(
            "--text_encoder=bilstm_max: needs --text_weights=<file>, or --train_text_encoder to "
            "learn them"
        )
    if config.text_dim < 2 or config.text_dim % 2:
        raise UserError(
            f"--text_dim={config.text_dim}: must be even, half of bilstm_max reads in either "
            "direction"
        )
    weights = load_weights(config.text_weights) if config.text_weights else {}
    vectors = _word_vectors(weights, config, data)
    tokens = keras.Input(
        [config.max_words],
        dtype="int32",
        name="text",
    )

    # The plain loop on every device: cuDNN's kernel would tie an exported model to GPUs, and it
    # refuses an empty text.
    lstm = keras.layers.LSTM(
        config.text_dim // 2,
        return_sequences=True,
        use_cudnn=False,
    )
    bilstm = keras.layers.Bidirectional(lstm, name="bilstm")
    states = bilstm(embed(tokens, vectors, data.vocabulary.size, config.train_words))
    if weights:
        _set_weights(bilstm, weights, config.text_weights)
    return keras.Model(tokens, MaskedMax(name="max")(states), name="text_encoder")


def _word_vectors(
    weights: Mapping[str, Array],
    config: Any,
    data: Any,
) -> Array | None:
    """What the word vectors start from: those in the file of weights, else as the settings say."""
    if "vectors" not in weights:
        return start(config, data)
    known = weights["words"].tolist()
    return word_vectors.arrange(data.vocabulary.words, known, weights["vectors"])


def _set_weights(
    bilstm: keras.layers.Layer,
    weights: Mapping[str, Array],
    path: str,
) -> None:
    """Puts arrays of `load_weights` into the layer; UserError where they do not fit."""
    arrays = [weights[part] for part in _PARTS]
    found = [array.shape for array in arrays]
    wanted = [weight.shape for weight in bilstm.get_weights()]
    if found != wanted:
        words, gates = found[0]
        words_wanted, gates_wanted = wanted[0]
        raise UserError(
            f"--text_weights={path}: holds {gates // 4} units a direction for word vectors of "
            f"{words} numbers; --text_dim and --word_vectors ask for {gates_wanted // 4} and "
            f"{words_wanted}"
        )
    bilstm.set_weights(arrays)


def load_weights(path: str) -> dict[str, Array]:
    """Reads the weights of a bilstm_max.

    Args:
      path: an .npz of `save_weights`, or InferSent's own file (the PyTorch state dict
        `infersent*.pkl`). The words of the latter come from --word_vectors=glove.840B.300d.txt; its
        markers <s> and </s> around a text are not added here.

    Returns:
      "forward_kernel" [D, 4U], "forward_recurrent" [U, 4U], "forward_bias" [4U] and the same for
      "backward", float32, gates in the order input, forget, cell, output. From an .npz also
      "words" str [N] and "vectors" float32 [N, D].

    Raises:
      UserError: the file is missing or holds something else.
    """
    flag = f"--text_weights={path}"
    if Path(path).suffix != ".npz":
        return _of_infersent(torch_state.read_state_dict(path), flag)
    try:
        arrays = array_files.read_npz(Path(path), [*_PARTS, "words", "vectors"])
        _require_lstm(arrays)
        _require_words(arrays["words"], arrays["vectors"])
        return arrays
    except OSError as error:
        raise UserError(f"{flag}: {error.strerror}; give a file of weights") from None
    except ValueError as error:
        raise UserError(f"{flag}: does not hold a bilstm_max ({error})") from None


def _of_infersent(
    state: Mapping[str, Array],
    flag: str,
) -> dict[str, Array]:
    """The arrays of both directions in InferSent's state dict, by our names."""
    try:
        arrays = {
            **_from_torch(state, "forward", "l0"),
            **_from_torch(state, "backward", "l0_reverse"),
        }
        _require_lstm(arrays)
        return arrays
    except KeyError as error:
        raise UserError(
            f"{flag}: is no bidirectional LSTM of InferSent's, it has no {error.args[0]}"
        ) from None
    except ValueError as error:
        raise UserError(f"{flag}: is no bidirectional LSTM of InferSent's ({error})") from None


def _from_torch(
    state: Mapping[str, Array],
    way: str,
    suffix: str,
) -> dict[str, Array]:
    """The arrays of one direction; PyTorch calls it `suffix`, this file `way`."""
    kernel = state[f"enc_lstm.weight_ih_{suffix}"]
    recurrent = state[f"enc_lstm.weight_hh_{suffix}"]
    input_bias = state[f"enc_lstm.bias_ih_{suffix}"]
    hidden_bias = state[f"enc_lstm.bias_hh_{suffix}"]
    if input_bias.shape != hidden_bias.shape:
        raise ValueError("the biases of a layer differ in shape")
    return {
        f"{way}_kernel": kernel.T,
        f"{way}_recurrent": recurrent.T,
        f"{way}_bias": input_bias + hidden_bias,
    }


def _require_lstm(arrays: Mapping[str, Array]) -> None:
    """Raises ValueError where the arrays are not those of two directions of one width."""
    kernel = arrays["forward_kernel"]
    dim, gates = kernel.shape if kernel.ndim == 2 else (0, 0)
    shapes = {
        "kernel": (dim, gates),
        "recurrent": (gates // 4, gates),
        "bias": (gates,),
    }
    for part in _PARTS:
        array = arrays[part]
        _, kind = part.split("_")
        if array.dtype.kind != "f" or array.shape != shapes[kind]:
            raise ValueError(f"{part} is {array.dtype} {list(array.shape)}")


def _require_words(
    words: Array,
    vectors: Array,
) -> None:
    """Raises ValueError where not every word has a vector."""
    if words.dtype.kind != "U" or vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise ValueError("words and vectors are not texts and numbers")
    if words.shape != vectors.shape[:1]:
        raise ValueError(f"{len(vectors)} vectors for {words.size} words")


def save_weights(
    network: keras.Model,
    vocabulary: Any,
    path: PathLike,
) -> None:
    """Writes a bilstm_max and its words' vectors as an .npz.

    `text_weights` starts from such a file with any vocabulary.

    Args:
      network: as `create` makes it.
      vocabulary: that of the network; has `words`.
      path: the file to write.
    """
    arrays = dict(zip(_PARTS, network.get_layer("bilstm").get_weights(), strict=True))
    arrays["words"] = np.array(vocabulary.words)
    # The first two rows are padding and the unknown word.
    arrays["vectors"] = network.get_layer("words").get_weights()[0][2:]
    with atomic_write(path) as temporary:
        np.savez(temporary, **arrays)
