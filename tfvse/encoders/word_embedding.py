"""The layer of word vectors that text networks begin with, and the vectors it starts from."""

from typing import Any

import keras
import numpy as np

from tfvse.encoders import word_statistics, word_vectors
from tfvse.typing import Array, Tensor

LEARNED_DIM = 300  # dimensions of word vectors that start from random numbers, as of word2vec


def embed_words(
    tokens: Tensor,
    config: Any,
    data: Any,
) -> Tensor:
    """Looks up the vectors of words, which start as the settings say.

    Args:
      tokens: symbolic int32 [B, L], numbers of words, 0 padding.
      config: as of `start`; also `train_words`, whether the vectors are trained.
      data: loaded matching data set.

    Returns:
      Symbolic float32 [B, L, D] with a mask that is False at padding.

    Raises:
      UserError: as `start`.
    """
    return embed(tokens, start(config, data), data.vocabulary.size, config.train_words)


def embed(
    tokens: Tensor,
    vectors: Array | None,
    rows: int,
    train: bool = True,
) -> Tensor:
    """Looks up vectors in a layer called "words".

    Args:
      tokens: symbolic int32 [B, L], 0 padding.
      vectors: float32 [rows, D] that the layer starts from; None: random numbers, always trained.
      rows: size of the vocabulary.
      train: whether given vectors are trained.

    Returns:
      Symbolic float32 [B, L, D] with a mask that is False at padding.
    """
    if vectors is None:
        layer = keras.layers.Embedding(
            rows,
            LEARNED_DIM,
            mask_zero=True,
            name="words",
        )
    else:
        layer = table(vectors, "words", train)
    return layer(tokens)


def table(
    vectors: Array,
    name: str,
    train: bool = True,
) -> keras.layers.Embedding:
    """Makes an embedding layer that starts from `vectors`, float32 [N, D]."""
    rows, dim = vectors.shape
    layer = keras.layers.Embedding(
        rows,
        dim,
        mask_zero=True,
        name=name,
        trainable=train,
    )
    layer.build()
    layer.set_weights([vectors])
    return layer


def start(
    config: Any,
    data: Any,
) -> Array | None:
    """Gives the numbers that the word vectors start from.

    Args:
      config: has `word_vectors` ("glove_50d", "none" or a file, see `word_vectors.matrix`) and
        `latent_dim` (dimensions of `word_statistics.latent_vectors` to add).
      data: loaded matching data set; has `vocabulary`, `known_texts` and the split "train".

    Returns:
      float32 [rows, D]: pretrained dimensions first, then latent ones. None where neither is
      asked for.

    Raises:
      UserError: as `word_vectors.matrix`.
    """
    parts = []
    if config.word_vectors != "none":
        parts.append(word_vectors.matrix(data.vocabulary, config.word_vectors))
    if config.latent_dim:
        train = data.split("train")
        tokens = train.text_inputs()[data.known_texts]
        image_of_text = train.image_of_text[data.known_texts]
        size = data.vocabulary.size
        latent = word_statistics.latent_vectors(tokens, image_of_text, size, config.latent_dim)
        parts.append(latent)
    if not parts:
        return None
    return np.concatenate(parts, axis=1)
