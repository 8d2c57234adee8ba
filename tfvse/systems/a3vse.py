"""A3VSE: embeddings of images and texts, learnt from few annotated images and many others.

P.-Y. Huang, G. Kang, W. Liu, X. Chang, A. G. Hauptmann, "Annotation Efficient Cross-Modal Retrieval
with Adversarial Attentive Alignment", ACM Multimedia 2019.

An image is a set of regions, a text a sequence of words. Attention pools either into one vector. An
image without texts is paired with its *semantics*: the words that a detector finds in its regions.
Discriminators learn to tell the four kinds of samples apart. The embeddings learn to deceive them,
which aligns the four kinds.

Symbols
    v, t                batch "image", "text": annotated images and their texts
    v_u, s              batch "other_image", "other_text": other images and their semantics
    F_v, E_v, G_v       network "image": its layer "fc", its layer "attention", and both (eq. 1)
    F_t, E_t, G_t       network "text": words and "lstm", "attention", and both (eq. 1)
    K, H, lambda_v      heads, dim, temperature
    S(a, b)             ranking.cosine_similarities
    l_p                 losses "pairs" and "semantics" (eq. 2)
    alpha_vt, alpha_vs  pair_margin, semantics_margin
    beta                pair_weight (eq. 3)
    l_d                 losses "<domain>_<domain>": adversarial.cross_entropy (eq. 4)
    theta               networks "discriminator_<domain>_<domain>", behind a gradient reversal
    lambda_..           ALIGNMENTS (eqs 5-7)
    gamma, p            `reversal` and its argument, the progress of training (section 4.3)

Where this departs from the paper, or the paper is silent
    - The paper calls lambda_v constant and gives no value. Here it is 0.05, about 1/sqrt(H). With
      it the softmax neither starts uniform nor picks one entity.
    - The paper does not describe a discriminator. Here it has one hidden layer of H units with
      ReLU, then one score. It reads L2-normalised embeddings, since S compares those. Otherwise
      the lengths of the images' and the words' features alone would tell them apart.
    - The visual FC has no activation. Eq. 1 has no biases in the attention, and neither has this.
    - Captions of one image in one batch are never negatives of each other. Nor is an image a
      negative of its own semantics.
    - Where every image is annotated, the other images are all images. The paper does not say what
      they are then.
    - An epoch is as long as the longer of the two streams; the shorter one restarts within it. p
      and the drop of the learning rate are counted in steps.
    - Without semantics there are no other images, and only v and t can be aligned.
    - Regions and their words come from a file of bottom-up features, as in the paper, or from the
      cells of a classifier (`encoders.regions`). Its 1000 class names have no attributes. Global
      semantics are then the names for the whole image from 0.3 of the highest probability on. The
      paper has four taggers instead. The training-free baseline compares words as they are,
      without WordNet's synonyms and without the taggers' confidence.
    - Table 1 prints 23,200 pairs for half of Flickr30K's images with two sentences; here they are
      29,000.
    - Weight decay is an L2 penalty on matrices.
    - `negatives` above 1 averages over several hardest negatives. `adversarial_weight` below 1
      weakens the discriminators. Short schedules need both: with one negative the first few
      hundred steps learn little. While images and texts still lie far apart, the reversed
      gradients outweigh those of the triplets.

Numbers to reach (R@1, R@5, R@10 in percent; tables 1-5)

                                       text→image        image→text
    Flickr30K, 10 % x 5 (table 5)      32.0 60.1 71.0    46.8 72.8 80.7
      no semantics                     23.4 47.9 58.2    26.5 58.1 71.5
      global semantics                 29.0 56.3 67.2    40.5 67.4 77.6
      without attention                23.8 50.1 62.7    35.8 64.3 75.1
      without any adversarial loss     30.9 58.5 69.0    43.8 70.9 79.5
      global semantics, no training    10.5 21.5 29.2    12.1 24.0 31.1
    Flickr30K, all                     49.5 79.5 86.6    65.0 89.2 94.5
    MS-COCO 5K, 10 % x 5               23.2 50.5 64.1    30.5 60.4 73.1
    MS-COCO 5K, all                    39.0 68.0 80.1    49.3 81.1 90.2
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.gradients import reverse_gradient
from tfvse.losses import ranking
from tfvse.losses.adversarial import FAKE, REAL, cross_entropy
from tfvse.systems.a3vse_baseline import shared_words
from tfvse.systems.a3vse_networks import discriminator, image_network, reversal, text_network
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem, Parts
from tfvse.systems.matching_settings import MatchingConfig
from tfvse.training.recipe import Stage
from tfvse.training.settings import OptimizerSettings

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingSplit, MatchingView
    from tfvse.export.signature import Signature
    from tfvse.index.similarity import Embeddings

# Kind → the two domains that each discriminator tells apart, and its weight in eqs 5 to 7.
ALIGNMENTS = {
    "intra": (("image", "other_image", 0.2), ("text", "other_text", 0.1)),
    "cross": (("image", "text", 0.5), ("other_image", "other_text", 0.5)),
    "transitive": (("image", "other_text", 0.3), ("other_image", "text", 0.3)),
}


@dataclasses.dataclass(frozen=True)
class Config(OptimizerSettings, MatchingConfig):
    """Settings of A3VSE; the defaults are the paper's."""

    image_encoder: str = setting(
        "efficientnet_lite0_regions", "encoder of regions that made the images' features"
    )
    text_encoder: str = setting(
        "lstm_attention", "A3VSE's own text encoder", choices=("lstm_attention",)
    )
    scores: str = setting(
        "latent",
        "what is scored: embeddings or, in evaluation, the words that a text shares with the "
        "semantics",
        choices=("latent", "semantics"),
    )
    min_word_count: int = setting(
        4, "times that a word must occur in the known texts to be known", low=1
    )
    semantics: str = setting(
        "regional",
        "words that stand for the texts of other images",
        choices=("none", "regional", "global"),
    )
    attention: bool = setting(True, "pool by attention; false: by the mean")
    alignments: str = setting(
        "intra,cross,transitive", "adversarial alignments, separated by commas; empty: none"
    )
    regions: int = setting(0, "first regions of an image that are read; 0: all", low=0)
    adversarial_weight: float = setting(
        1.0, "weight of all adversarial losses together in eq. 9", low=0.0
    )
    dim: int = setting(
        512, "width H of embedded regions and words, and of the attention's contexts", low=1
    )
    heads: int = setting(3, "heads K of the attention", low=1)
    temperature: float = setting(0.05, "constant λ of the attention's softmax", low=0.0)
    pair_margin: float = setting(0.2, "margin α_vt of annotated pairs", low=0.0, high=2.0)
    semantics_margin: float = setting(0.3, "margin α_vs of images and semantics", low=0.0, high=2.0)
    pair_weight: float = setting(
        0.8, "weight β of the annotated pairs' triplet loss", low=0.0, high=1.0
    )
    negatives: int = setting(
        1, "hardest negatives of an image or text in its batch, averaged", low=1
    )
    optimizer: str = setting("adam", "optimizer", choices=("sgd", "adam"))
    learning_rate: float = setting(5e-4, "initial learning rate", low=0.0)
    schedule: str = setting("step", "how the rate falls", choices=("constant", "step", "linear"))
    drop_at: tuple[float, ...] = setting(
        (2 / 3,),
        "step: where the rate is divided by ten; fractions of training, or steps where above 1; "
        "the paper's is the 16th of 24 epochs",
        low=0.0,
    )
    weight_decay: float = setting(1e-6, "L2 penalty of the kernels, not of biases", low=0.0)
    clip_norm: float = setting(2.0, "bound of the gradient's norm; 0: none", low=0.0)

    def data_view(self) -> MatchingView:
        """What training may see of the data set."""
        return dataclasses.replace(
            super().data_view(),
            semantics=self.semantics,
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The alignments that are trained, some of `ALIGNMENTS`."""
        return tuple(kind for kind in self.alignments.split(",") if kind)

    def check(self) -> None:
        """Raises `UserError` for unknown alignments, too many negatives or unread settings."""
        super().check()
        kinds = set(self.kinds)
        if not kinds <= set(ALIGNMENTS) or len(kinds) < len(self.kinds):
            raise UserError(
                f"--alignments={self.alignments}: must be some of {','.join(ALIGNMENTS)}, or empty"
            )
        if self.negatives >= self.batch_size:
            raise UserError(
                f"--negatives={self.negatives}: a batch has at most {self.batch_size - 1}"
            )
        if self.scores == "semantics" and self.semantics == "none":
            raise UserError(
                "--scores=semantics: needs the words of images; take --semantics=regional or global"
            )
        if self.scores == "semantics" and self.hub_neighbours:
            raise UserError(
                f"--hub_neighbours={self.hub_neighbours}: must be 0 with --scores=semantics"
            )
        for name in ("image_components", "canonical_components"):
            if getattr(self, name):
                raise UserError(
                    f"--{name}={getattr(self, name)}: A3VSE reads the features as they are"
                )


class A3VSE(MatchingSystem):
    """A3VSE (Huang et al., MM 2019): attentive encoders against discriminators of domains."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the two encoders and a discriminator for every pair of domains that is aligned."""
        from tfvse.data.pipeline import steps_per_epoch

        config = self.config
        shape = data.element_spec["image"].shape[1:]
        if len(shape) != 2:
            raise UserError(
                f"--image_encoder={config.image_encoder}: gives one vector per image; A3VSE needs "
                "an encoder of regions such as efficientnet_lite0_regions, or file:<path>"
            )
        epoch = steps_per_epoch(max(data.sizes), config.batch_size)
        self.length = config.steps or config.epochs * epoch
        self.networks = {
            "image": image_network(shape, config),
            "text": text_network(config, data),
        }
        width = self.networks["image"].output_shape[-1]
        for first, second, _ in self._aligned():
            name = f"discriminator_{first}_{second}"
            self.networks[name] = discriminator(width, config.dim, name)

    def _aligned(self) -> list[tuple[str, str, float]]:
        """(domain, domain, weight) of each discriminator that is trained."""
        aligned = []
        for kind in self.config.kinds:
            for first, second, weight in ALIGNMENTS[kind]:
                annotated = {first, second} == {"image", "text"}
                if annotated or self.config.semantics != "none":
                    aligned.append((first, second, weight))
        return aligned

    def stages(self) -> tuple[Stage, ...]:
        """One stage over all networks; eq. 9 as the weights of its losses."""
        config = self.config
        self._require_embeddings()
        weights = {"pairs": config.pair_weight}
        if config.semantics != "none":
            weights["semantics"] = 1 - config.pair_weight
        for first, second, weight in self._aligned():
            weights[f"{first}_{second}"] = weight * config.adversarial_weight
        stage = Stage(
            "match",
            {"main": tuple(self.networks)},
            {"main": config.optimizer_settings()},
            weights,
            config.steps,
            config.epochs,
        )
        return (stage,)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The triplet losses of eq. 3 and the cross-entropies of the discriminators."""
        config = self.config
        found = self._embed("image", batch)
        found.update(self._embed("text", batch))
        image = self.gather(found["image"])
        text = self.gather(found["text"])
        losses = {}
        losses["pairs"] = self._triplet(image, text, batch["image_id"], config.pair_margin)
        if config.semantics != "none":
            losses["semantics"] = self._triplet(
                self.gather(found["other_image"]),
                self.gather(found["other_text"]),
                batch["other_id"],
                config.semantics_margin,
            )

        step = ops.cast(self.step, "float32")
        # One tensor for all discriminators: TensorFlow's graph optimizer rounds by what is shared.
        gamma = reversal(step / self.length)
        for first, second, _ in self._aligned():
            losses[f"{first}_{second}"] = self._domain_entropy(found, first, second, gamma)
        return losses, {"mean_cosine": self.mean_cosine(image, text)}

    def _domain_entropy(self, found: Parts, first: str, second: str, gamma: Tensor) -> Tensor:
        """Eq. 4 of two domains, scalar, through the reversed gradient of section 4.3.

        Args:
          found: domain → embeddings float32 [B, D].
          first, second: the domains that a discriminator tells apart.
          gamma: scalar, weight of the reversed gradient.
        """
        network = self.networks[f"discriminator_{first}_{second}"]
        real = network(reverse_gradient(found[first], gamma), training=True)
        fake = network(reverse_gradient(found[second], gamma), training=True)
        of_first = ops.mean(cross_entropy(real, REAL))
        of_second = ops.mean(cross_entropy(fake, FAKE))
        return of_first + of_second

    def _embed(self, name: str, batch: Batch) -> Parts:
        """Embeds the input of the network `name` and, in the same call, that of the other stream.

        Args:
          name: "image" or "text".
          batch: a training batch.

        Returns:
          `name`, and f"other_{name}" where the batch has it → rows of length 1, float32 [B, D].
        """
        names = [key for key in (name, f"other_{name}") if key in batch]
        inputs = ops.concatenate([batch[key] for key in names])
        both = self.networks[name](inputs, training=True)
        both = ops.normalize(ops.cast(both, "float32"), axis=-1)
        parts = ops.split(both, len(names))
        return dict(zip(names, parts, strict=True))

    def _triplet(self, image: Tensor, text: Tensor, ids: Tensor, margin: float) -> Tensor:
        """Eq. 2, scalar, with the hardest negatives in the batches of all replicas.

        Args:
          image, text: embeddings of all replicas, [B, D] each.
          ids: int64 [b], this replica's; equal ids are never negatives of each other.
          margin: α of the pairs.
        """
        similarities = ranking.cosine_similarities(image, text)
        positives = ranking.same_label(self.gather(ids))
        count = self.config.negatives
        losses = ranking.top_k_ranking_loss(similarities, positives, margin, count, 1.0)
        return ops.mean(losses) / count

    def embed_split(self, split: MatchingSplit) -> tuple[Embeddings, Embeddings]:
        """As in the family or, with --scores=semantics, `shared_words` of the split."""
        if self.config.scores == "semantics":
            return shared_words(split)
        return super().embed_split(split)

    def signatures(self, data: MatchingData) -> dict[str, Signature]:
        """The family's; raises `UserError` with --scores=semantics."""
        self._require_embeddings()
        return super().signatures(data)

    def _require_embeddings(self) -> None:
        """Raises `UserError` with --scores=semantics, which has nothing to train or export."""
        if self.config.scores == "semantics":
            raise UserError("--scores=semantics: is for tfvse evaluate alone; take --scores=latent")

    def image_parts(self, image: Tensor) -> Parts:
        """The part "latent": region features [B, R, D] → [B, K · H]."""
        return {"latent": self.networks["image"](image, training=False)}

    def text_parts(self, text: Tensor) -> Parts:
        """The part "latent": token numbers [B, L] → [B, K · H]."""
        return {"latent": self.networks["text"](text, training=False)}
