"""The networks of A3VSE: the two attentive encoders, and discriminators with reversed gradients.

Symbols and equations are those of `tfvse.systems.a3vse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse.layers.attention import ContextAttention
from tfvse.layers.text import MaskedMean
from tfvse.systems.base import Tensor

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData
    from tfvse.systems.a3vse import Config

STEEPNESS = 10.0  # eta of gamma


def image_network(shape: tuple[int, int], config: Config) -> keras.Model:
    """The encoder of images, G_v (eq. 1).

    Args:
      shape: (R, D), regions of an image and numbers of a region.
      config: its `regions`, `dim` and what `pooled` reads.

    Returns:
      Model, region features float32 [B, R, D] → [B, K · H], or [B, H] without attention. Regions
      of zeros are padding.
    """
    image = keras.Input(shape, name="image")
    count, _ = shape
    left_out = max(count - config.regions, 0) if config.regions else 0
    first = layers.Cropping1D([0, left_out], name="first")(image)
    regions = layers.Masking(name="regions")(first)
    embedded = layers.Dense(config.dim, name="fc")(regions)
    return keras.Model(image, pooled(embedded, config), name="image")


def text_network(config: Config, data: MatchingData) -> keras.Model:
    """The encoder of texts, G_t (eq. 1).

    Args:
      config: its `max_words`, `dim`, the settings of word vectors, and what `pooled` reads.
      data: loaded data set, whose vocabulary numbers the tokens.

    Returns:
      Model, token numbers int32 [B, L] → [B, K · H], or [B, H] without attention. A text without a
      token gives zeros.
    """
    from tfvse.encoders.word_embedding import embed_words

    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    # The plain loop on every device: a cuDNN kernel ties an exported model to GPUs, and it refuses
    # an empty text.
    lstm = layers.LSTM(
        config.dim,
        return_sequences=True,
        recurrent_initializer="glorot_uniform",
        use_cudnn=False,
        name="lstm",
    )
    words = embed_words(tokens, config, data)
    return keras.Model(tokens, pooled(lstm(words), config), name="text")


def pooled(entities: Tensor, config: Config) -> Tensor:
    """Pools embedded regions or words by attention, E_v and E_t of eq. 1, or by their mean.

    Args:
      entities: float [B, N, H], with Keras' mask of those that are there.
      config: its `attention`, `heads`, `dim` and `temperature`.

    Returns:
      float [B, K · H] by attention, [B, H] by the mean.
    """
    if not config.attention:
        return MaskedMean(name="mean")(entities)

    attention = ContextAttention(
        config.heads,
        config.dim,
        config.temperature,
        name="attention",
    )
    return attention(entities)


def discriminator(
    width: int,
    units: int,
    name: str,
) -> keras.Sequential:
    """A discriminator D of two domains (eq. 4), before its sigmoid.

    Args:
      width: of an embedding.
      units: of the hidden layer.
      name: of the network.

    Returns:
      Model, float [B, width] → scores [B, 1], larger for the first of the two domains.
    """
    hidden = layers.Dense(units, "relu", name="hidden")
    embedding = keras.Input([width])
    score = layers.Dense(1, name="score")
    return keras.Sequential([embedding, hidden, score], name=name)


def reversal(progress: Tensor | float) -> Tensor:
    """γ of section 4.3, the weight of the reversed gradients.

    Args:
      progress: p, scalar, the fraction of training that has passed: 0 … 1.

    Returns:
      Scalar, from 0 at the beginning to almost 1 at the end.
    """
    return 2.0 / (1.0 + ops.exp(-STEEPNESS * progress)) - 1.0
