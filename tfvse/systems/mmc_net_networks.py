"""The networks of MMC-Net: the branch of a modality, and the classifier of pairs.

Symbols and equations are those of `tfvse.systems.mmc_net`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse.layers.bilinear import CompactBilinear, bilinear_pooling, signed_root
from tfvse.layers.fusion import ConvolutionFusion
from tfvse.layers.normalization import batch_normalization
from tfvse.systems.base import Tensor
from tfvse.systems.matching_settings import layer_widths

if TYPE_CHECKING:
    from tfvse.systems.mmc_net import Config

NORM_MOMENTUM = 0.9  # of batch normalisation


class VectorBiasFusion(ConvolutionFusion):
    """One weight for each side output, and a bias for each channel (eqs 7.1 and 7.2)."""

    def bias_shape(self, field: tuple[int, ...]) -> tuple[int, ...]:
        """The bias differs over the whole field."""
        return field


def fused(outputs: Sequence[Tensor], fusion: str) -> Tensor:
    """Fuses what FC2, FC3 and FC4 give.

    Args:
      outputs: three float [B, D].
      fusion: "none" (FC4 alone), "sum", "product" or "convolution".

    Returns:
      float [B, D].
    """
    if fusion == "none":
        return outputs[-1]
    if fusion == "convolution":
        return VectorBiasFusion(activation="linear", name="fusion")(outputs)
    if fusion == "sum":
        return layers.Add(name="fusion")(outputs)
    return layers.Multiply(name="fusion")(outputs)


def branch(
    input_dim: int,
    config: Config,
    name: str,
) -> keras.Model:
    """FC1 to FC4 of one modality and their fusion, f(x) or g(y).

    Args:
      input_dim: numbers of a feature.
      config: its `widths`, `input_dropout`, `dropout` and `layer_fusion`.
      name: of the network.

    Returns:
      Model, float [B, input_dim] → [B, D], not normalised.
    """
    widths = layer_widths(config.widths, 4)
    features = keras.Input((input_dim,))
    normalized = batch_normalization(momentum=NORM_MOMENTUM, name="input_norm")(features)
    hidden = layers.Dropout(config.input_dropout)(normalized)
    hidden = layers.Dense(widths[0], activation="relu", name="fc1")(hidden)
    hidden = layers.Dropout(config.dropout)(hidden)

    outputs = []
    for place, width in enumerate(widths[1:], start=2):
        hidden = layers.Dense(width, name=f"fc{place}")(hidden)
        hidden = batch_normalization(momentum=NORM_MOMENTUM, name=f"fc{place}_norm")(hidden)
        hidden = layers.ReLU()(hidden)
        outputs.append(hidden)
    return keras.Model(features, fused(outputs, config.layer_fusion), name=name)


def classifier(
    width: int,
    classes: int,
    config: Config,
) -> keras.Model:
    """The pooled pair, its signed square root, L2 normalisation and the scores (eqs 7.5-7.8).

    Args:
      width: of either embedding.
      classes: number of classes.
      config: its `pooling`, `pooled_dim` and `seed`, which draws the hash functions.

    Returns:
      Model, (image float [B, width], text float [B, width]) → float32 logits [B, classes].
    """
    image = keras.Input((width,), name="image")
    text = keras.Input((width,), name="text")
    vector = ops.cast(pooled(image, text, config), "float32")
    normalized = ops.normalize(signed_root(vector), axis=-1)
    scores = layers.Dense(classes, use_bias=False, name="scores", dtype="float32")
    return keras.Model([image, text], scores(normalized), name="classifier")


def pooled(
    image: Tensor,
    text: Tensor,
    config: Config,
) -> Tensor:
    """One vector of a pair, B(x, y) of eq. 7.5 or what --pooling puts in its place.

    Args:
      image, text: embeddings, float [B, D] each.
      config: its `pooling`, `pooled_dim` and `seed`.

    Returns:
      float [B, pooled_dim] of compact bilinear pooling, [B, D²] of bilinear pooling, [B, 2 · D]
      of the concatenation, [B, D] of the image alone.
    """
    if config.pooling == "compact_bilinear":
        pooling = CompactBilinear(config.pooled_dim, seed=config.seed, name="pooling")
        return pooling([image, text])
    if config.pooling == "bilinear":
        return bilinear_pooling(image, text)
    if config.pooling == "image":
        return image
    return layers.Concatenate(name="pooling")([image, text])
