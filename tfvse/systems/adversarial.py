"""Modality-invariant embedding: a classifier of modalities plays against the embedding.

R. Liu, Y. Zhao, S. Wei, L. Zheng, Y. Yang, "Modality-Invariant Image-Text Embedding for
Image-Sentence Matching", ACM Transactions on Multimedia Computing, Communications, and Applications
15 (2019).

A triplet loss brings images and their texts together. On top of it, a network learns to tell
whether an embedding comes from an image or from a text. The two branches learn to leave it
guessing. Both modalities then have the same distribution in the embedding space.

Only the paper's abstract was available. It names the triplet-loss baseline, the modality
classification network, its adversarial loss and the multi-stage training. All the rest below was
chosen here.

Symbols
    v, s                   batch "image", "text": features from the encoders
    f(v), g(s)             networks "image_branch", "text_branch"
    D                      network "classifier": score above 0 for an image, below 0 for a text
    L_triplet              loss "triplet": ranking.top_k_ranking_loss with margin, negatives
    L_D                    loss "modality", which D minimises: adversarial.cross_entropy, REAL for
                           images
    L_adv                  loss "adversarial", which f and g minimise: adversarial.cross_entropy
                           with UNSURE
    lambda                 adversarial_weight

What was chosen
    - Encoders and branches are those of the baseline in chapter 5 of Y. Liu's thesis: frozen
      ResNet-152 and HGLMM features, and four fully connected layers with batch normalisation.
    - The triplet loss compares cosines in both directions, with the hardest negative of the batch.
      It is the mean over pairs and negatives. Captions of one image in one batch are never
      negatives of each other.
    - The classifier has two hidden layers with ReLU. It reads the directions of the embeddings,
      since a cosine ignores their lengths. They are scaled to a mean square of 1 per number, which
      such layers expect.
    - The adversarial loss is the cross-entropy to "either modality, one half". It is least where
      nothing can be told. With exchanged labels it would be least where every image is taken for a
      text and every text for an image.
    - There are three stages. "baseline" trains the branches with the triplet loss. "classifier"
      trains the classifier while the embeddings rest, so that the game begins with an opponent
      that knows them. In "adversarial" the two sides take one step each in turn, the branches
      first.
    - --steps or --epochs, --classifier_length and --joint_length are the lengths of the stages, in
      the same unit. The last stage begins at a tenth of the first one's rate.
    - The classifier has the branches' rate of the last stage. A classifier that learns much faster
      is always right, and what the branches then try ruins the matching.
    - With --noadversarial the branches go through the same two stages with the triplet loss alone:
      the baseline with as many steps and the same rates.

Numbers to reach: the abstract has none. It reports a "stable" improvement over the baseline on
Flickr30k and MSCOCO.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse.config import setting
from tfvse.layers.normalization import batch_normalization
from tfvse.losses import ranking
from tfvse.losses.adversarial import FAKE, REAL, UNSURE, cross_entropy
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import RankingConfig, layer_widths
from tfvse.training.recipe import Optimizer, Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData

NORM_MOMENTUM = 0.9  # of batch normalisation


@dataclasses.dataclass(frozen=True)
class Config(RankingConfig):
    """Settings of the adversarial embedding; those of the paper are not known."""

    text_encoder: str = setting("hglmm", "encoder of the texts")
    adversarial: bool = setting(
        True, "train against the classifier of modalities; else the triplet loss alone"
    )
    widths: str = setting("2048,512,512,512", "units of the four layers of either branch")
    classifier_width: int = setting(
        512, "units of each of the classifier's two hidden layers", low=1
    )
    adversarial_weight: float = setting(0.1, "weight lambda of the adversarial loss", low=0.0)
    margin: float = setting(0.2, "margin of the triplet loss", low=0.0, high=2.0)
    negatives: int = setting(1, "hardest negatives of a pair in its batch", low=1)
    optimizer: str = setting("adam", "optimizer of the branches", choices=("sgd", "adam"))
    schedule: str = setting(
        "linear", "how the rate falls", choices=("constant", "step", "linear", "plateau")
    )
    weight_decay: float = setting(0.0, "L2 penalty of the branches' kernels", low=0.0)
    learning_rate: float = setting(1e-3, "initial learning rate of the branches", low=0.0)
    joint_rate: float = setting(
        1e-4, "initial learning rate of the branches in the last stage", low=0.0
    )
    classifier_rate: float = setting(1e-4, "learning rate of the classifier's Adam", low=0.0)
    classifier_length: int = setting(
        0, "steps or epochs of the second stage; 0: as many as the first", low=0
    )
    joint_length: int = setting(
        0, "steps or epochs of the third stage; 0: as many as the first", low=0
    )

    def check(self) -> None:
        """Raises `UserError` where --widths is not four numbers."""
        super().check()
        layer_widths(self.widths, 4)


def branch(
    input_dim: int,
    config: Config,
    name: str,
) -> keras.Model:
    """The four layers of one modality.

    Args:
      input_dim: D, numbers of a feature.
      config: its `widths`, `input_dropout` and `dropout`.
      name: of the network.

    Returns:
      Model, float [B, D] → [B, width of the fourth layer], not normalised.
    """
    widths = layer_widths(config.widths, 4)
    features = keras.Input((input_dim,))
    hidden = layers.Dropout(config.input_dropout)(features)
    for place, width in enumerate(widths, start=1):
        hidden = layers.Dense(width, name=f"fc{place}")(hidden)
        hidden = batch_normalization(momentum=NORM_MOMENTUM, name=f"fc{place}_norm")(hidden)
        if place < len(widths):
            hidden = layers.ReLU()(hidden)
        if place == 1:
            hidden = layers.Dropout(config.dropout)(hidden)
    return keras.Model(features, hidden, name=name)


def classifier(dim: int, width: int) -> keras.Model:
    """The modality classification network D.

    Args:
      dim: numbers of an embedding.
      width: units of either hidden layer.

    Returns:
      Model, float [B, dim] → scores float32 [B, 1] without sigmoid, above 0 for an image.
    """
    embeddings = keras.Input((dim,))
    hidden = layers.UnitNormalization(dtype="float32")(embeddings)
    hidden = layers.Rescaling(dim**0.5, dtype="float32")(hidden)
    for place in (1, 2):
        hidden = layers.Dense(width, activation="relu", name=f"fc{place}")(hidden)
    score = layers.Dense(1, name="score", dtype="float32")(hidden)
    return keras.Model(embeddings, score, name="classifier")


class Adversarial(MatchingSystem):
    """Two branches against a classifier of modalities (R. Liu et al., TOMM 2019)."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the encoders, the two branches and, for the game, the classifier."""
        config = self.config
        self.networks = self.matching_networks(data)
        self.add_branches(branch)
        if config.adversarial:
            dim = layer_widths(config.widths, 4)[-1]
            self.networks["classifier"] = classifier(dim, config.classifier_width)

    def stages(self) -> tuple[Stage, ...]:
        """The baseline, the classifier alone, then both against each other.

        Without the game, the branches learn in the first and the last alone.
        """
        config = self.config
        trained = self.with_text_encoder(*self.branches)
        first = config.optimizer_settings()
        then = dataclasses.replace(first, learning_rate=config.joint_rate)
        adam = Optimizer("adam", config.classifier_rate)

        branches = {"branches": trained}
        baseline = self._stage("baseline", branches, {"branches": first})
        if not config.adversarial:
            longer = self._stage("longer", branches, {"branches": then}, config.joint_length)
            return baseline, longer

        alone = self._stage(
            "classifier",
            {"classifier": ("classifier",)},
            {"classifier": adam},
            config.classifier_length,
        )
        game = self._stage(
            "adversarial",
            {**branches, "classifier": ("classifier",)},
            {"branches": then, "classifier": adam},
            config.joint_length,
            {"adversarial": config.adversarial_weight},
        )
        return baseline, alone, game

    def _stage(
        self,
        name: str,
        trains: Mapping[str, tuple[str, ...]],
        optimizers: Mapping[str, Optimizer],
        length: int = 0,
        weights: Mapping[str, float] | None = None,
    ) -> Stage:
        """A stage of `length` steps or epochs; 0: as long as the run."""
        steps, epochs = self.config.stage_length(length)
        return Stage(name, trains, optimizers, weights or {}, steps, epochs)

    def train_step(self, batch: Batch) -> Logs:
        """The branches' update, then the classifier's, as far as the stage goes.

        The classifier learns from the embeddings that the branches gave before their update.
        """
        trains = self.stage.trains
        if "branches" not in trains:
            resting = self._embed(batch, training=False)
            return self.minimize("classifier", lambda: self.classifier_losses(**resting))

        embedded: dict[str, Tensor] = {}

        def branch_losses() -> tuple[Losses, Logs]:
            embedded.update(self._embed(batch, training=True))
            return self.branch_losses(**embedded, image_id=batch["image_id"])

        logs = self.minimize("branches", branch_losses)
        if "classifier" in trains:
            judged = self.minimize("classifier", lambda: self.classifier_losses(**embedded))
            logs = {**judged, **logs}
        return logs

    def _embed(self, batch: Batch, training: bool) -> dict[str, Tensor]:
        """The embeddings "image" and "text" of a batch, [B, D] each."""
        return {
            "image": self.embed_image(batch["image"], training),
            "text": self.embed_text(batch["text"], training),
        }

    def branch_losses(
        self,
        image: Tensor,
        text: Tensor,
        image_id: Tensor,
    ) -> tuple[Losses, Logs]:
        """The branches' side: the triplet loss and, in the game, the adversarial one.

        Args:
          image, text: embeddings [B, D].
          image_id: int [B].

        Returns:
          (losses, logs), as `System.losses`. The triplet loss is over the batches of all replicas.
        """
        config = self.config
        images = self.gather(image)
        texts = self.gather(text)
        positives = ranking.same_label(self.gather(image_id))
        similarities = ranking.cosine_similarities(images, texts)
        triplet = ranking.top_k_ranking_loss(
            similarities, positives, config.margin, config.negatives, alpha=1.0
        )
        losses = {"triplet": ops.mean(triplet) / config.negatives}
        if "classifier" in self.stage.trains:
            both = ops.concatenate([image, text])
            scores = self.networks["classifier"](both)
            losses["adversarial"] = ops.mean(cross_entropy(scores, UNSURE))
        return losses, {"mean_cosine": self.mean_cosine(images, texts)}

    def classifier_losses(self, image: Tensor, text: Tensor) -> tuple[Losses, Logs]:
        """The classifier's side: how badly it tells image from text embeddings, [B, D] each."""
        score = self.networks["classifier"]
        of_images = ops.mean(cross_entropy(score(image), REAL))
        of_texts = ops.mean(cross_entropy(score(text), FAKE))
        return {"modality": (of_images + of_texts) / 2.0}, {}
