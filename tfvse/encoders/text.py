"""Networks that turn a text into one vector: from word numbers, or from features that were extracted beforehand."""

from pathlib import Path

import keras
import numpy as np

from tfvse.config import nearest
from tfvse.encoders import (
    TEXT_FEATURES,
    array_files,
    has_text_features,
    torch_state,
    word_cnn,
    word_statistics,
    word_vectors,
)
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.layers.text import MaskedMax, MaskedMean, WeightedSum

LEARNED_DIM = 300  # width of word vectors that start from nothing: that of word2vec
NAMES = ("glove_mean", "word_pool", "lstm", "bilstm_max", "word_cnn")
_PARTS = [
    f"{way}_{part}" for way in ("forward", "backward") for part in ("kernel", "recurrent", "bias")
]


def create(config, data) -> keras.Model:
    """Makes the network that reads the "text" of a batch.

    Args:
      config: has `text_encoder`: "glove_mean", the mean of the words' vectors; "word_pool", their weighted sum beside
        the maximum over the words of a linear layer (ours, not of a paper: cheap and wide); "lstm", the last state of
        an LSTM; "bilstm_max", a bidirectional LSTM with max pooling over time (Conneau et al., InferSent, EMNLP 2017;
        2 x 2048 units there); "word_cnn", Dual-Path's residual convolutions (see `word_cnn`); or one of
        `encoders.TEXT_FEATURES` or "hub:...", whose features come extracted. Also `max_words`, `word_vectors`
        ("glove_50d", "none" or a file, see `word_vectors.matrix`), `latent_dim` (numbers of
        `word_statistics.latent_vectors` beside these), `text_dim` (width of what lstm, bilstm_max, word_cnn and
        word_pool's linear layer give), `word_dropout` (fraction of the words that word_pool's sum leaves out in
        training), `position_shift` (word_cnn begins a text at a random place in training), `train_text_encoder`,
        `train_words` and `text_weights` (a file of `load_weights`, or "").
      data: loaded matching data set: its `vocabulary`, its training texts, its `element_spec`.

    Returns:
      Model from int32 [B, max_words] (0 padding) or float32 [B, feature_dim] to [B, D], trainable or not as
      `train_text_encoder` says. A text without words gives zeros (word_cnn: one and the same vector).

    Raises:
      UserError: the name is unknown, a package or file is missing, or the settings contradict each other.
    """
    name = config.text_encoder
    if has_text_features(name):
        inputs = keras.Input([data.element_spec["text"].shape[-1]], name="text")
        return keras.Model(inputs, keras.layers.Identity()(inputs), name="text_encoder")
    if name not in NAMES:
        known = [*NAMES, *TEXT_FEATURES]
        either = ", ".join([*known, "hub:<handle or folder>"])
        raise UserError(f"--text_encoder={name}: must be one of {either}{nearest(name, known)}")
    makers = {
        "glove_mean": _glove_mean,
        "word_pool": _word_pool,
        "lstm": _lstm,
        "bilstm_max": _bilstm_max,
    }
    network = (makers | {"word_cnn": _word_cnn})[name](config, data)
    if not config.train_text_encoder:
        network.trainable = False
    return network


def embed_words(tokens, config, data):
    """Word vectors [B, L, D] of symbolic word numbers `tokens` [B, L], with a mask, as `create` starts them."""
    return _words(tokens, _start(config, data), data.vocabulary.size, config.train_words)


def _words(tokens, vectors, rows, train=True):
    """Word vectors [B, L, D] with a mask; they start from `vectors`, or from random numbers where that is None."""
    if vectors is None:
        return keras.layers.Embedding(rows, LEARNED_DIM, mask_zero=True, name="words")(tokens)
    return _embedding(vectors, "words", train)(tokens)


def _embedding(start, name, train=True):
    layer = keras.layers.Embedding(*start.shape, mask_zero=True, name=name, trainable=train)
    layer.build()
    layer.set_weights([start])
    return layer


def _start(config, data):
    """What the words' vectors start from: pretrained numbers, then those of the training texts; None for neither."""
    parts = []
    if config.word_vectors != "none":
        parts.append(word_vectors.matrix(data.vocabulary, config.word_vectors))
    if config.latent_dim:
        train, known = data.split("train"), data.known_texts
        texts = train.text_inputs()[known], train.image_of_text[known]
        parts.append(
            word_statistics.latent_vectors(*texts, data.vocabulary.size, config.latent_dim)
        )
    return np.concatenate(parts, axis=1) if parts else None


def _glove_mean(config, data):
    if config.word_vectors == "none" and not config.train_text_encoder:
        raise UserError(
            "--text_encoder=glove_mean: needs --word_vectors, or --train_text_encoder to learn them"
        )
    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    words = _words(tokens, _start(config, data), data.vocabulary.size)
    return keras.Model(tokens, MaskedMean(name="mean")(words), name="text_encoder")


def _word_pool(config, data):
    if not config.train_text_encoder:
        raise UserError(
            "--text_encoder=word_pool: needs --train_text_encoder, there are no weights to start it from"
        )
    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    words = _words(tokens, _start(config, data), data.vocabulary.size, config.train_words)
    known_texts = data.split("train").text_inputs()[data.known_texts]
    rarity = word_statistics.log_weights(known_texts, data.vocabulary.size)
    weights = keras.layers.Activation("exponential", name="weights")(
        _embedding(rarity, "log_weights")(tokens)
    )
    weights = keras.layers.Dropout(config.word_dropout, name="word_dropout")(weights)
    pooled = WeightedSum(name="sum")([words, weights])
    if config.text_dim:
        projected = keras.layers.Dense(config.text_dim, use_bias=False, name="projection")(words)
        pooled = keras.layers.Concatenate(name="pool")([MaskedMax(name="max")(projected), pooled])
    return keras.Model(tokens, pooled, name="text_encoder")


def _lstm(config, data):
    if not config.train_text_encoder:
        raise UserError(
            "--text_encoder=lstm: needs --train_text_encoder, there are no weights to start it from"
        )
    if not config.text_dim:
        raise UserError("--text_dim=0: must be at least 1 for lstm")
    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    # Masked steps keep the state, so the last one is that of the last word; see _bilstm_max about cuDNN.
    last = keras.layers.LSTM(config.text_dim, use_cudnn=False, name="lstm")
    return keras.Model(tokens, last(embed_words(tokens, config, data)), name="text_encoder")


def _word_cnn(config, data):
    if not config.train_text_encoder:
        raise UserError(
            "--text_encoder=word_cnn: needs --train_text_encoder, there are no weights to start it from"
        )
    if not config.text_dim or config.text_dim % word_cnn.STEP:
        raise UserError(
            f"--text_dim={config.text_dim}: must be a multiple of {word_cnn.STEP} for word_cnn"
        )
    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    placed = word_cnn.PlacedWords(config.position_shift, name="places")(tokens)
    # The paper's first layer, a 1 x 1 convolution over one-hot words, is a table of word vectors.
    words = word_cnn.ZeroPadding(name="padding")(embed_words(placed, config, data))
    return keras.Model(tokens, word_cnn.residual_words(words, config.text_dim), name="text_encoder")


def _bilstm_max(config, data):
    vocabulary = data.vocabulary
    if not (config.train_text_encoder or config.text_weights):
        raise UserError(
            "--text_encoder=bilstm_max: needs --text_weights=<file>, or --train_text_encoder to learn them"
        )
    if config.text_dim < 2 or config.text_dim % 2:
        raise UserError(
            f"--text_dim={config.text_dim}: must be even, half of bilstm_max reads in either direction"
        )
    weights = load_weights(config.text_weights) if config.text_weights else {}
    if "vectors" in weights:
        vectors = word_vectors.arrange(
            vocabulary.words, weights["words"].tolist(), weights["vectors"]
        )
    else:
        vectors = _start(config, data)
    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    # The plain loop on every device: a cuDNN kernel would tie an exported model to GPUs, and refuses an empty text.
    lstm = keras.layers.LSTM(config.text_dim // 2, return_sequences=True, use_cudnn=False)
    bilstm = keras.layers.Bidirectional(lstm, name="bilstm")
    states = bilstm(_words(tokens, vectors, vocabulary.size, config.train_words))
    if weights:
        _set_weights(bilstm, weights, config.text_weights)
    return keras.Model(tokens, MaskedMax(name="max")(states), name="text_encoder")


def _set_weights(bilstm, weights, path):
    arrays = [weights[part] for part in _PARTS]
    wanted, found = [w.shape for w in bilstm.get_weights()], [array.shape for array in arrays]
    if found != wanted:
        (words, gates), (words_wanted, gates_wanted) = found[0], wanted[0]
        raise UserError(
            f"--text_weights={path}: holds {gates // 4} units a direction for word vectors of {words} numbers; "
            f"--text_dim and --word_vectors ask for {gates_wanted // 4} and {words_wanted}"
        )
    bilstm.set_weights(arrays)


def load_weights(path: str) -> dict[str, np.ndarray]:
    """Reads the weights of a bilstm_max.

    Args:
      path: an .npz of `save_weights`, or InferSent's own file (the PyTorch state dict `infersent*.pkl`), whose words
        come from --word_vectors=glove.840B.300d.txt. Its markers <s> and </s> around a text are not added here.

    Returns:
      "forward_kernel" [D, 4U], "forward_recurrent" [U, 4U], "forward_bias" [4U] and the same for "backward", gates in
      the order input, forget, cell, output; from an .npz also "words" [N] and "vectors" [N, D].

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


def _of_infersent(state, flag):
    """The arrays of both directions in InferSent's state dict."""
    try:
        arrays = _from_torch(state, "forward") | _from_torch(state, "backward")
        _require_lstm(arrays)
        return arrays
    except KeyError as error:
        raise UserError(
            f"{flag}: is no bidirectional LSTM of InferSent's, it has no {error.args[0]}"
        ) from None
    except ValueError as error:
        raise UserError(f"{flag}: is no bidirectional LSTM of InferSent's ({error})") from None


def _require_lstm(arrays):
    """Raises ValueError where the arrays are not those of two directions of one width."""
    dim, gates = arrays["forward_kernel"].shape if arrays["forward_kernel"].ndim == 2 else (0, 0)
    shapes = {"kernel": (dim, gates), "recurrent": (gates // 4, gates), "bias": (gates,)}
    for part in _PARTS:
        array = arrays[part]
        if array.dtype.kind != "f" or array.shape != shapes[part.split("_")[1]]:
            raise ValueError(f"{part} is {array.dtype} {list(array.shape)}")


def _require_words(words, vectors):
    """Raises ValueError where not every word has a vector."""
    if words.dtype.kind != "U" or vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise ValueError("words and vectors are not texts and numbers")
    if words.shape != vectors.shape[:1]:
        raise ValueError(f"{len(vectors)} vectors for {words.size} words")


def _from_torch(state, way):
    suffix = {"forward": "l0", "backward": "l0_reverse"}[way]
    part = {
        name: state[f"enc_lstm.{name}_{suffix}"]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    if part["bias_ih"].shape != part["bias_hh"].shape:
        raise ValueError("the biases of a layer differ in shape")
    return {
        f"{way}_kernel": part["weight_ih"].T,
        f"{way}_recurrent": part["weight_hh"].T,
        f"{way}_bias": part["bias_ih"] + part["bias_hh"],
    }


def save_weights(network: keras.Model, vocabulary, path: Path) -> None:
    """Writes a bilstm_max and its words' vectors as an .npz, which `text_weights` starts from with any vocabulary."""
    arrays = dict(zip(_PARTS, network.get_layer("bilstm").get_weights(), strict=True))
    vectors = network.get_layer("words").get_weights()[0][2:]
    with atomic_write(path) as temporary:
        np.savez(temporary, **arrays, words=np.array(vocabulary.words), vectors=vectors)
