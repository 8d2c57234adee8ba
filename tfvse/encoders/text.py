"""Networks that turn a text into one vector: from numbers of words, or from extracted features."""

from typing import Any

import keras

from tfvse.encoders import bilstm, word_cnn, word_statistics
from tfvse.encoders.features import HUB_NAME, TEXT_FEATURES, has_text_features
from tfvse.encoders.word_embedding import embed, embed_words, start, table
from tfvse.errors import UserError, nearest
from tfvse.layers.text import MaskedMax, MaskedMean, WeightedSum
from tfvse.typing import Tensor


def create(
    config: Any,
    data: Any,
) -> keras.Model:
    """Makes the network that reads the "text" of a batch.

    The setting `text_encoder` names the network:
      glove_mean: the mean of the words' vectors.
      word_pool: the weighted sum of the words' vectors, beside the maximum over the words of a
        linear layer. It is cheap and wide, and comes from no paper.
      lstm: the last state of an LSTM.
      bilstm_max: a bidirectional LSTM with max pooling over the words, see `bilstm`.
      word_cnn: Dual-Path's residual convolutions, see `word_cnn`.
      a name in `TEXT_FEATURES`, or "hub:...": the features are extracted before training, and the
        network passes them on.

    Args:
      config: has
        `text_encoder`: the name.
        `train_text_encoder`: whether the network is trained.
        `text_weights`: file of `bilstm.load_weights` that bilstm_max starts from, or "".
        `max_words`: L, words of a text that are read.
        `word_vectors` and `latent_dim`: what the word vectors start from, see
          `word_embedding.start`.
        `train_words`: whether the word vectors are trained.
        `text_dim`: width of what lstm, bilstm_max, word_cnn and word_pool's linear layer give.
        `word_dropout`: fraction of the words that word_pool's sum leaves out in training.
        `position_shift`: whether word_cnn begins a text at a random place in training.
      data: loaded matching data set: its `vocabulary`, its training texts, its `element_spec`.

    Returns:
      Model from int32 [B, max_words] (0 padding) or float32 [B, feature_dim] to float32 [B, D]. A
      text without words gives zeros; word_cnn gives the same vector for all such texts.

    Raises:
      UserError: the name is unknown, a package or file is missing, or settings contradict.
    """
    name = config.text_encoder
    if has_text_features(name):
        inputs = keras.Input([data.element_spec["text"].shape[-1]], name="text")
        return keras.Model(inputs, keras.layers.Identity()(inputs), name="text_encoder")
    if name not in _NETWORKS:
        known = [*_NETWORKS, *TEXT_FEATURES]
        either = ", ".join([*known, HUB_NAME])
        raise UserError(f"--text_encoder={name}: must be one of {either}{nearest(name, known)}")

    network = _NETWORKS[name](config, data)
    if not config.train_text_encoder:
        network.trainable = False
    return network


def _require_training(config: Any) -> None:
    """Raises UserError where a network without pretrained weights would stay untrained."""
    if not config.train_text_encoder:
        raise UserError(
            f"--text_encoder={config.text_encoder}: needs --train_text_encoder, there are no "
            "weights to start it from"
        )


def _token_input(config: Any) -> Tensor:
    """The symbolic input of numbers of words, int32 [B, max_words]."""
    return keras.Input(
        [config.max_words],
        dtype="int32",
        name="text",
    )


def _glove_mean(
    config: Any,
    data: Any,
) -> keras.Model:
    """The network "glove_mean" of `create`."""
    if config.word_vectors == "none" and not config.train_text_encoder:
        raise UserError(
            "--text_encoder=glove_mean: needs --word_vectors, or --train_text_encoder to learn them"
        )
    tokens = _token_input(config)
    words = embed(tokens, start(config, data), data.vocabulary.size)
    return keras.Model(tokens, MaskedMean(name="mean")(words), name="text_encoder")


def _word_pool(
    config: Any,
    data: Any,
) -> keras.Model:
    """The network "word_pool" of `create`."""
    _require_training(config)
    tokens = _token_input(config)
    words = embed_words(tokens, config, data)
    weights = _word_weights(tokens, config, data)
    pooled = WeightedSum(name="sum")([words, weights])
    if config.text_dim:
        projected = keras.layers.Dense(
            config.text_dim,
            use_bias=False,
            name="projection",
        )(words)
        highest = MaskedMax(name="max")(projected)
        pooled = keras.layers.Concatenate(name="pool")([highest, pooled])
    return keras.Model(tokens, pooled, name="text_encoder")


def _word_weights(
    tokens: Tensor,
    config: Any,
    data: Any,
) -> Tensor:
    """A weight for each word, above 0: rare words weigh more. Symbolic float32 [B, L, 1]."""
    size = data.vocabulary.size
    known_texts = data.split("train").text_inputs()[data.known_texts]
    rarity = word_statistics.log_weights(known_texts, size)

    logarithms = table(rarity, "log_weights")(tokens)
    weights = keras.layers.Activation("exponential", name="weights")(logarithms)
    return keras.layers.Dropout(config.word_dropout, name="word_dropout")(weights)


def _lstm(
    config: Any,
    data: Any,
) -> keras.Model:
    """The network "lstm" of `create`."""
    _require_training(config)
    if not config.text_dim:
        raise UserError("--text_dim=0: must be at least 1 for lstm")

    tokens = _token_input(config)
    # Masked steps keep the state, so the last state is that of the last word. cuDNN's kernel would
    # tie an exported model to GPUs, and it refuses an empty text.
    last = keras.layers.LSTM(
        config.text_dim,
        use_cudnn=False,
        name="lstm",
    )
    words = embed_words(tokens, config, data)
    return keras.Model(tokens, last(words), name="text_encoder")


def _word_cnn(
    config: Any,
    data: Any,
) -> keras.Model:
    """The network "word_cnn" of `create`."""
    _require_training(config)
    if not config.text_dim or config.text_dim % word_cnn.STEP:
        raise UserError(
            f"--text_dim={config.text_dim}: must be a multiple of {word_cnn.STEP} for word_cnn"
        )
    tokens = _token_input(config)
    placed = word_cnn.PlacedWords(config.position_shift, name="places")(tokens)

    # The paper's first layer, a 1 x 1 convolution over one-hot words, is a table of word vectors.
    padding = word_cnn.ZeroPadding(name="padding")
    words = padding(embed_words(placed, config, data))
    return keras.Model(tokens, word_cnn.residual_words(words, config.text_dim), name="text_encoder")


# Name → function (config, data) → model.
_NETWORKS = {
    "glove_mean": _glove_mean,
    "word_pool": _word_pool,
    "lstm": _lstm,
    "bilstm_max": bilstm.create,
    "word_cnn": _word_cnn,
}
