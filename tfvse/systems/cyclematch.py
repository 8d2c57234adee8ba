"""CycleMatch: cycle-consistent embeddings of images and texts.

Y. Liu, Y. Guo, L. Liu, E. M. Bakker, M. S. Lew, "CycleMatch: A cycle-consistent embedding network
for image-text matching", Pattern Recognition 93 (2019), as chapter 6 of Y. Liu's thesis tells it.

An image's feature is mapped into the space of the texts and back again. A text's feature is mapped
into the space of the images and back again. A ranking loss compares the samples in each of the
three spaces that they pass through.

Symbols
    v, t                   batch "image", "text": features from the encoders
    f_I2T, f_T2I           "mapped" of the networks "image_to_text", "text_to_image": FC1 to FC4
    f(3)_I2T, f(3)_T2I     "latent" of the same networks: FC1 to FC3
    s(., .)                ranking.cosine_similarities (eq. 6.1)
    m, alpha, K            margin, alpha, negatives
    L dual, rec, lat       losses "dual_…", "reconstructed_…", "latent_…" (eqs 6.2, 6.4, 6.5) of the
                           branches "…_i2t2i" and "…_t2i2t"
    s(1), s(2), s(3)       scores "visual", "textual", "latent" (eq. 6.7)
    late fusion            index.fusion.late_fusion (eqs 6.8-6.11)

Where this departs from the thesis, or the thesis is silent
    - The loss is the mean over the pairs of the batch and the K negatives, where eq. 6.2 sums over
      both. The learning rate then does not depend on batch and K. Eq. 5.10 of the same thesis
      divides by the number of negatives.
    - Captions of one image in one batch are never negatives of each other.
    - Eqs 6.2-6.5 weight by alpha the direction in which the mapped samples are ranked for a given
      target. The branch T2I2T mirrors this. LatentMatch has no mapped side; its images take that
      place.
    - Table 6.1 describes the one-branch models as a cycle and a dual mapping. The dual mapping (I
      to T for I2T2I) is the branch's own. So their losses are the three of that branch. Both scores
      are still used (section 6.4.2).
    - The thesis does not mention activations, dropout and normalisation. They follow chapter 5 by
      the same author: ReLU after FC1, FC2 and FC3, none after FC4. Dropout after FC1 and batch
      normalisation before the ReLUs are settings. The latent embedding is what FC3 gives after its
      ReLU.
    - A trained text encoder gets no gradient as the target of its own reconstruction (eq. 6.4),
      since the thesis's features are fixed.
    - A positive area (eq. 6.9) of zero, of a query unlike everything, is taken as 1e-6.

Numbers to reach (R@1, R@5, R@10 in percent on 1,000 test images; tables 6.2 and 6.3: ResNet-152 and
BiLSTM-max features, average fusion of the visual and the textual score, for latent_match the latent
score alone)

                      Flickr30K: image→text  text→image       MSCOCO: image→text  text→image
    latent_match      49.7 77.4 85.0         37.8 69.8 80.6   53.9 82.9 90.8      43.0 75.8 85.9
    dual_match        53.4 80.5 87.1         40.1 70.9 81.0   56.3 83.5 91.5      45.5 76.7 87.5
    without_latent    56.8 81.7 90.3         41.1 72.5 81.3   58.5 84.0 92.4      46.9 78.3 88.7
    i2t2i             57.0 82.4 91.0         42.4 73.6 82.0   61.1 85.5 93.1      46.3 79.3 89.0
    t2i2t             56.4 81.9 90.6         43.2 74.3 82.6   59.7 84.7 92.6      47.6 79.7 89.6
    full              57.8 83.3 90.9         43.2 74.8 83.8   60.5 86.3 93.7      47.2 80.3 90.4
    full, adaptive    58.6 83.6 91.6         43.6 75.3 84.2   61.1 86.8 94.2      47.9 80.9 90.9
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse import encoders
from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.normalization import batch_normalization
from tfvse.losses import ranking
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem, Parts
from tfvse.systems.matching_settings import RankingConfig, layer_widths
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData

# In the order of table 6.1.
VARIANTS = ("latent_match", "dual_match", "without_latent", "i2t2i", "t2i2t", "full")
SCORES = ("visual", "textual", "latent")


@dataclasses.dataclass(frozen=True)
class Config(RankingConfig):
    """Settings of CycleMatch; the defaults are the thesis's."""

    variant: str = setting("full", "which losses are trained, table 6.1", choices=VARIANTS)
    scores: str = setting(
        "", "scores that are fused, some of visual,textual,latent; empty: as in table 6.2"
    )
    fusion: str = setting("adaptive", "late fusion of the scores", choices=("average", "adaptive"))
    widths: str = setting("2048,512,512", "units of FC1, FC2, FC3 of either mapping")
    dropout: float = setting(0.0, "fraction of FC1's outputs dropped", low=0.0, high=0.95)
    batch_norm: bool = setting(False, "batch normalisation between FC1, FC2, FC3 and their ReLUs")
    alpha: float = setting(2.0, "weight of ranking mapped samples for a given target", low=0.0)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the scores that are fused.

        Without --scores they are "latent" for latent_match, else "visual" and "textual".
        """
        if self.scores:
            return super().parts
        if self.variant == "latent_match":
            return ("latent",)
        return ("visual", "textual")

    def check(self) -> None:
        """Raises `UserError` where negatives, widths or scores contradict batch or variant."""
        super().check()
        layer_widths(self.widths, 3)
        trained = ("latent",) if self.variant == "latent_match" else SCORES
        parts = set(self.parts)
        if not parts <= set(trained) or len(parts) < len(self.parts):
            raise UserError(
                f"--scores={self.scores}: for --variant={self.variant} must be some of "
                f"{','.join(trained)}"
            )


def mapping(
    input_dim: int,
    output_dim: int,
    config: Config,
    name: str,
) -> keras.Model:
    """FC1 to FC4 from one feature space to the other.

    Args:
      input_dim: D, numbers of a feature.
      output_dim: E, numbers of the other space's feature; 0 leaves FC4 out.
      config: its `widths`, `input_dropout`, `dropout` and `batch_norm`.
      name: of the network.

    Returns:
      Model, float [B, D] → {"latent": [B, width of FC3], not negative; "mapped": [B, E]}.
    """
    features = keras.Input((input_dim,))
    hidden = layers.Dropout(config.input_dropout)(features)
    for place, width in enumerate(layer_widths(config.widths, 3), start=1):
        hidden = layers.Dense(width, name=f"fc{place}")(hidden)
        if config.batch_norm:
            hidden = batch_normalization()(hidden)
        hidden = layers.ReLU()(hidden)
        if place == 1:
            hidden = layers.Dropout(config.dropout)(hidden)

    outputs = {"latent": hidden}
    if output_dim:
        outputs["mapped"] = layers.Dense(output_dim, name="fc4")(hidden)
    return keras.Model(features, outputs, name=name)


class CycleMatch(MatchingSystem):
    """Two mappings between the spaces of images and texts (Liu et al., 2019)."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the encoders of images and texts and the two mappings between their spaces."""
        config = self.config
        # The text encoder comes first: it decides which random numbers each network starts from.
        text_encoder = encoders.text_network(config, data)
        image_encoder = encoders.image_network(config, data)
        self.networks = {"image_encoder": image_encoder, "text_encoder": text_encoder}
        image_dim = image_encoder.output_shape[-1]
        text_dim = text_encoder.output_shape[-1]
        latent_alone = config.variant == "latent_match"
        to_text = 0 if latent_alone else text_dim
        to_image = 0 if latent_alone else image_dim
        self.networks["image_to_text"] = mapping(image_dim, to_text, config, "image_to_text")
        self.networks["text_to_image"] = mapping(text_dim, to_image, config, "text_to_image")

    def stages(self) -> tuple[Stage, ...]:
        """One stage over both mappings and, where it is trained, the text encoder."""
        config = self.config
        trains = {"main": self.with_text_encoder("image_to_text", "text_to_image")}
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
        """The losses of table 6.1 for the configured variant, over the batches of all replicas."""
        image_to_text = self.networks["image_to_text"]
        text_to_image = self.networks["text_to_image"]
        image = self.networks["image_encoder"](batch["image"])
        text = self.networks["text_encoder"](batch["text"], training=True)
        positives = ranking.same_label(self.gather(batch["image_id"]))
        variant = self.config.variant
        losses = {}
        embeddings = []

        def loss(mapped: Tensor, target: Tensor) -> Tensor:
            mapped = self.gather(mapped)
            embeddings.append(mapped)
            similarities = ranking.cosine_similarities(mapped, self.gather(target))
            return self._ranking_loss(similarities, positives)

        if variant == "latent_match":
            mapped = image_to_text(image, training=True)
            target = text_to_image(text, training=True)
            losses["latent"] = loss(mapped["latent"], target["latent"])
        if variant not in ("latent_match", "t2i2t"):
            i2t2i = self._branch("i2t2i", image, text, image_to_text, text_to_image, loss)
            losses.update(i2t2i)
        if variant not in ("latent_match", "i2t2i"):
            t2i2t = self._branch("t2i2t", text, image, text_to_image, image_to_text, loss)
            losses.update(t2i2t)
        return losses, {"mean_cosine": self.mean_cosine(*embeddings)}

    def _branch(
        self,
        name: str,
        source: Tensor,
        target: Tensor,
        there: keras.Model,
        back: keras.Model,
        loss: Callable[[Tensor, Tensor], Tensor],
    ) -> Losses:
        """Eqs 6.2, 6.4 and 6.5 along source → target → source, as far as the variant goes.

        A feature is a fixed target of its own reconstruction, as in the thesis. A trained text
        encoder would else find features that are easy to reconstruct rather than to match.

        Args:
          name: of the branch, "i2t2i" or "t2i2t".
          source, target: features of one modality and of the other, [B, D] and [B, E].
          there, back: networks from source to target and from target to source.
          loss: (mapped, target) → the ranking loss, scalar.
        """
        dual = there(source, training=True)
        losses = {f"dual_{name}": loss(dual["mapped"], target)}
        if self.config.variant == "dual_match":
            return losses

        reconstructed = back(dual["mapped"], training=True)
        fixed = ops.stop_gradient(source)
        losses[f"reconstructed_{name}"] = loss(reconstructed["mapped"], fixed)
        if self.config.variant != "without_latent":
            losses[f"latent_{name}"] = loss(dual["latent"], reconstructed["latent"])
        return losses

    def _ranking_loss(self, similarities: Tensor, positives: Tensor) -> Tensor:
        """Eq. 6.2, scalar, the mean over pairs and negatives; arguments as `top_k_ranking_loss`."""
        config = self.config
        losses = ranking.top_k_ranking_loss(
            similarities, positives, config.margin, config.negatives, config.alpha
        )
        return ops.mean(losses) / config.negatives

    def image_parts(self, image: Tensor) -> Parts:
        """The parts "visual", "textual" (None for latent_match) and "latent", [B, D] each."""
        image = self.networks["image_encoder"](image)
        parts = self.networks["image_to_text"](image, training=False)
        return {
            "visual": image,
            "textual": parts.get("mapped"),
            "latent": parts["latent"],
        }

    def text_parts(self, text: Tensor) -> Parts:
        """The parts "visual" (None for latent_match), "textual" and "latent", [B, D] each."""
        text = self.networks["text_encoder"](text, training=False)
        parts = self.networks["text_to_image"](text, training=False)
        return {
            "visual": parts.get("mapped"),
            "textual": text,
            "latent": parts["latent"],
        }
