"""RRF-Net: recurrent residual fusion for image-text matching.

Y. Liu, Y. Guo, E. M. Bakker, M. S. Lew, "Learning a recurrent residual fusion network for
multimodal matching", ICCV 2017, as chapter 5 of Y. Liu's thesis tells it.

Two branches of four fully connected layers bring images and texts into one space. In either branch
the third layer runs T more times with the same weights. Each time it adds its input to its output,
and all T + 1 results are fused. A bi-rank loss keeps non-matching samples apart across and within
modalities.

Symbols
    x, y                   batch "image", "text": features from the encoders
    f(x), f(y)             networks "image_branch", "text_branch": FC1 to FC4
    s(x, y)                1 - ranking.cosine_similarities (eq. 5.7); the thesis calls this distance
                           a similarity
    h, x_t, T              `recurrent_residual` (eqs 5.1-5.4), recurrent_steps
    S_sum, S_conv          block_fusion "sum" (eq. 5.5), "convolution" (eq. 5.6)
    l_i2t, l_t2i           losses "image_to_text", "text_to_image": ranking.bi_rank_loss (eqs 5.8,
                           5.9)
    alpha_1, alpha_2       cross_weight, intra_weight
    beta_1, beta_2, m, N   image_to_text_weight, text_to_image_weight, margin, negatives (eq. 5.10)
    M                      --ensemble of `tfvse evaluate` (eq. 5.11)

Where this departs from the thesis, or the thesis is silent
    - "The top N most dissimilar" samples of the batch are taken to be the N hardest negatives,
      those closest to the query. Chapter 6 by the same author says so of the same loss. The
      intra-modal term uses the same N samples.
    - Captions of one image in one batch are never negatives of each other.
    - The loss is the mean over the pairs of the batch.
    - Batch normalisation follows FC2, every recurrence of FC3, and FC4. FC1 has dropout in its
      place (section 5.3.2).
    - Eqs 5.1-5.4 leave batch normalisation out. Figure 5.1 has it between the FC layer and its
      ReLU, and so has this.
    - --residual is an addition: with --canonical_components an image and its text start out close
      to each other.
    - Without fusion the block gives what its last recurrence gives. The fusion weights start at
      1 / (T + 1).

Numbers to reach (R@1, R@5 in percent on 1,000 test images of Flickr30K; ResNet-152 and HGLMM
features; tables 5.1 to 5.5)

                                  image→text   text→image
    baseline                      45.0 75.5    33.6 66.5
    baseline, bi-directional      43.4 73.8    32.5 65.4
    T = 1                         46.4 76.1    34.3 67.3
    T = 2                         46.9 76.8    34.8 67.7
    T = 3                         47.6 77.4    35.4 68.3
    T = 4                         46.2 76.6    35.1 67.6
    T = 3, no fusion              45.8 75.9    34.2 67.1
    T = 3, sum                    47.1 76.8    35.0 67.6
    T = 3, bi-directional         46.4 76.5    34.1 67.4
    ensemble {1, 2, 3, 4}         50.8 79.5    37.6 70.9
    T = 3, MSCOCO                 56.4 85.3    43.9 78.1
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.fusion import ConvolutionFusion
from tfvse.layers.normalization import batch_normalization
from tfvse.losses import ranking
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import RankingConfig, layer_widths
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData

NORM_MOMENTUM = 0.9  # of batch normalisation


@dataclasses.dataclass(frozen=True)
class Config(RankingConfig):
    """Settings of RRF-Net; the defaults are the thesis's."""

    text_encoder: str = setting("hglmm", "encoder of the texts")
    widths: str = setting("2048,512,512,512", "units of FC1, FC2, FC3, FC4 of either branch")
    block: str = setting(
        "rrf",
        "FC3: a recurrent residual block, or the baseline's plain layer",
        choices=("rrf", "plain"),
    )
    recurrent_steps: int = setting(3, "recurrences T of FC3 after its first run", low=1)
    block_fusion: str = setting(
        "convolution", "fusion of the T + 1 results of FC3", choices=("none", "sum", "convolution")
    )
    residual: bool = setting(False, "add a branch's input to FC4's output, which starts at 0")
    cross_weight: float = setting(1.0, "weight alpha_1 of negatives of the other modality", low=0.0)
    intra_weight: float = setting(
        0.5, "weight alpha_2 of negatives of the same modality; 0: bi-directional", low=0.0
    )
    image_to_text_weight: float = setting(
        2.0, "weight beta_1 of ranking texts for an image", low=0.0
    )
    text_to_image_weight: float = setting(
        1.0, "weight beta_2 of ranking images for a text", low=0.0
    )

    def check(self) -> None:
        """Raises `UserError` where widths contradict each other."""
        super().check()
        widths = layer_widths(self.widths, 4)
        if self.block == "rrf" and widths[1] != widths[2]:
            raise UserError(
                f"--widths={self.widths}: FC3 adds its input to its output, so FC2 must be as wide "
                "as FC3"
            )


def recurrent_residual(
    x: Tensor,
    steps: int,
    fusion: str,
    name: str = "fc3",
) -> Tensor:
    """The RRF block: one shared layer, and for every run its own batch normalisation (5.1-5.6).

    Args:
      x: what FC2 gives, float [B, D].
      steps: T, recurrences after the first run.
      fusion: "none" (the last run), "sum" or "convolution".
      name: of the shared layer.

    Returns:
      float [B, D].
    """
    shared = layers.Dense(x.shape[-1], name=name)
    results = []
    for step in range(steps + 1):
        normalization = batch_normalization(momentum=NORM_MOMENTUM, name=f"{name}_norm_{step}")
        activated = layers.ReLU()(normalization(shared(x)))
        x = layers.Add(name=f"{name}_add_{step}")([activated, x])
        results.append(x)

    if fusion == "none":
        return x
    if fusion == "sum":
        return layers.Add(name="fusion")(results)
    return ConvolutionFusion(activation="linear", name="fusion")(results)


def branch(
    input_dim: int,
    config: Config,
    name: str,
) -> keras.Model:
    """FC1 to FC4 of one modality.

    Args:
      input_dim: D, numbers of a feature.
      config: its `widths`, `dropout`, `input_dropout`, `block` and what belongs to it, `residual`.
      name: of the network.

    Returns:
      Model, float [B, D] → [B, width of FC4], not normalised.

    Raises:
      UserError: the input is to be added to FC4's output and has another width.
    """
    widths = layer_widths(config.widths, 4)
    if config.residual and input_dim != widths[3]:
        raise UserError(
            f"--residual: a branch gives {widths[3]} numbers and reads {input_dim}; make FC4 as "
            "wide as its input"
        )
    features = keras.Input((input_dim,))
    hidden = layers.Dropout(config.input_dropout)(features)
    hidden = layers.Dense(widths[0], activation="relu", name="fc1")(hidden)
    hidden = layers.Dropout(config.dropout)(hidden)
    hidden = _normalized_layer(hidden, widths[1], "fc2")

    if config.block == "rrf":
        hidden = recurrent_residual(hidden, config.recurrent_steps, config.block_fusion)
    else:
        hidden = _normalized_layer(hidden, widths[2], "fc3")

    hidden = layers.Dense(widths[3], name="fc4")(hidden)
    # A residual branch starts as its input: what is added to it is scaled by 0.
    scale = "zeros" if config.residual else "ones"
    hidden = batch_normalization(momentum=NORM_MOMENTUM, name="fc4_norm", gamma_initializer=scale)(
        hidden
    )
    if config.residual:
        hidden = hidden + features
    return keras.Model(features, hidden, name=name)


def _normalized_layer(
    x: Tensor,
    width: int,
    name: str,
) -> Tensor:
    """A fully connected layer, batch normalisation and ReLU: [B, D] → [B, width]."""
    x = layers.Dense(width, name=name)(x)
    x = batch_normalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU()(x)


class RRFNet(MatchingSystem):
    """Two branches with a recurrent residual block each (Liu et al., 2017)."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the encoders of images and texts and the two branches."""
        self.networks = self.matching_networks(data)
        self.add_branches(branch)

    def stages(self) -> tuple[Stage, ...]:
        """One stage over both branches and, where it is trained, the text encoder."""
        config = self.config
        trains = {"main": self.with_text_encoder(*self.branches)}
        optimizers = {"main": config.optimizer_settings()}
        stage = Stage(
            "match",
            trains,
            optimizers,
            steps=config.steps,
            epochs=config.epochs,
        )
        return (stage,)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The bi-rank loss (5.10) over the batches of all replicas, its two directions apart."""
        config = self.config
        image = self.gather(self.embed_image(batch["image"], training=True))
        text = self.gather(self.embed_text(batch["text"], training=True))
        positives = ranking.same_label(self.gather(batch["image_id"]))
        pairs = ranking.cosine_similarities(image, text)
        images = ranking.cosine_similarities(image, image)
        texts = ranking.cosine_similarities(text, text)

        settings = (
            config.margin,
            config.negatives,
            config.cross_weight,
            config.intra_weight,
        )
        i2t = ranking.bi_rank_loss(pairs, texts, positives, *settings)
        t2i = ranking.bi_rank_loss(ops.transpose(pairs), images, positives, *settings)
        losses = {
            "image_to_text": config.image_to_text_weight * ops.mean(i2t) / config.negatives,
            "text_to_image": config.text_to_image_weight * ops.mean(t2i) / config.negatives,
        }
        return losses, {"mean_cosine": self.mean_cosine(image, text)}
