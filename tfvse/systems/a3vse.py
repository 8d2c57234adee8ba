"""A3VSE: embeddings of pictures and texts from few annotated pictures and many others.

P.-Y. Huang, G. Kang, W. Liu, X. Chang, A. G. Hauptmann, "Annotation Efficient Cross-Modal Retrieval with Adversarial
Attentive Alignment", ACM Multimedia 2019. Pictures are sets of regions, texts sequences of words; attention pools
either. A picture without texts is paired with the words that a detector finds in its regions, and discriminators that
the embeddings learn to deceive draw the four kinds of samples together.

Symbols
    v, t; v_u, s           batch "image", "text": annotated; "other_image", "other_text": other pictures, semantics
    F_v, E_v, G_v          the network "image": FC "fc", attention "attention", both (1); F_t, E_t, G_t: "text"
    K, H, lambda_v         heads, dim, temperature
    S(a, b)                ranking.cosine_similarities
    l_p, alpha_vt, alpha_vs  losses "pairs" and "semantics" (2) with their margins pair_margin, semantics_margin
    beta                   pair_weight (3)
    l_d, theta             losses "<domain>_<domain>": adversarial.cross_entropy of a network "discriminator_..." behind
                           a gradient reversal (4)
    lambda_..              ALIGNMENTS (5-7)
    gamma, p               `reversal`, of the step (section 4.3)

Where this departs from the paper, or the paper is silent
    - lambda_v is only called constant: 0.05 here, about 1/sqrt(H), with which the softmax neither starts uniform nor
      picks one entity.
    - A discriminator is not described: one hidden layer of H units with ReLU, then one score. It reads L2-normalised
      embeddings, which are what S compares; else the lengths of pictures' and words' features alone tell them apart.
    - The visual FC has no activation. Biases of the attention are not in (1), and there are none here.
    - Captions of one picture in one batch are never negatives of each other, nor is a picture of its own semantics.
    - Where every picture is annotated, the other pictures are all pictures; the paper does not say what they are then.
    - An epoch is the longer of the two streams; the shorter one begins anew within it. p and the step of the learning
      rate are counted in steps.
    - Without semantics there are no other pictures, and only v and t can be aligned.
    - Regions and their words come from a file of bottom-up features as in the paper, or from the cells of a classifier
      (`encoders.regions`): its 1000 class names have no attributes. Global semantics are then the names of the whole
      picture from 0.3 of the highest probability on, not the paper's four taggers, and the training-free baseline
      compares words as they are, without WordNet's synonyms and without the taggers' confidence.
    - Table 1 prints 23,200 pairs for half of Flickr30K's pictures with two sentences; they are 29,000 here.
    - Weight decay is an L2 penalty on matrices.
    - `negatives` above 1 takes the mean over several hardest negatives, and `adversarial_weight` below 1 weakens the
      discriminators. Short schedules need both: with one negative the first few hundred steps learn little, and while
      pictures and texts still lie far apart the reversed gradients outweigh the triplets'.

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

import keras
import numpy as np
from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.attention import ContextAttention
from tfvse.layers.gradients import reverse_gradient
from tfvse.layers.text import MaskedMean
from tfvse.losses import ranking
from tfvse.losses.adversarial import FAKE, REAL, cross_entropy
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem, Parts
from tfvse.systems.matching_settings import MatchingConfig
from tfvse.training.recipe import Optimizer, Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingSplit
    from tfvse.export.signature import Signature
    from tfvse.index.similarity import Embeddings

# Kind → the two domains that each discriminator tells apart, and its weight in eqs 5 to 7.
ALIGNMENTS = {
    "intra": (("image", "other_image", 0.2), ("text", "other_text", 0.1)),
    "cross": (("image", "text", 0.5), ("other_image", "other_text", 0.5)),
    "transitive": (("image", "other_text", 0.3), ("other_image", "text", 0.3)),
}
STEEPNESS = 10.0  # eta of gamma
DECAY_FROM, DECAY = 2 / 3, 0.1  # the learning rate after the 16th of 24 epochs


@dataclasses.dataclass(frozen=True)
class Config(MatchingConfig):
    """Settings of A3VSE; the defaults are the paper's."""

    image_encoder: str = setting(
        "efficientnet_lite0_regions", "encoder of regions that made the pictures' features"
    )
    text_encoder: str = setting(
        "lstm_attention", "A3VSE's own text encoder", choices=("lstm_attention",)
    )
    scores: str = setting(
        "latent", "what is scored: embeddings or, in evaluation, the words that a text shares with the semantics",
        choices=("latent", "semantics"),
    )  # fmt: skip
    min_word_count: int = setting(
        4, "times that a word must occur in the known texts to be known", low=1
    )
    semantics: str = setting(
        "regional",
        "words that stand for the texts of other pictures",
        choices=("none", "regional", "global"),
    )
    attention: bool = setting(True, "pool by attention; false: by the mean")
    alignments: str = setting(
        "intra,cross,transitive", "adversarial alignments, separated by commas; empty: none"
    )
    regions: int = setting(0, "regions of a picture that are read, the first ones; 0: all", low=0)
    adversarial_weight: float = setting(
        1.0, "weight of all adversarial losses together in eq. 9", low=0.0
    )
    dim: int = setting(
        512, "width H of embedded regions and words, and of the attention's contexts", low=1
    )
    heads: int = setting(3, "heads K of the attention", low=1)
    temperature: float = setting(0.05, "constant λ of the attention's softmax", low=0.0)
    pair_margin: float = setting(0.2, "margin α_vt of annotated pairs", low=0.0, high=2.0)
    semantics_margin: float = setting(
        0.3, "margin α_vs of pictures and semantics", low=0.0, high=2.0
    )
    pair_weight: float = setting(
        0.8, "weight β of the annotated pairs' triplet loss", low=0.0, high=1.0
    )
    negatives: int = setting(
        1, "hardest negatives of a picture or text in its batch, averaged", low=1
    )
    learning_rate: float = setting(
        5e-4, "learning rate of Adam; a tenth of it in the last third", low=0.0
    )
    weight_decay: float = setting(1e-6, "L2 penalty of the weights", low=0.0)
    clip_norm: float = setting(2.0, "bound of the gradient's norm; 0: none", low=0.0)

    @property
    def kinds(self):
        """The alignments that are trained, a tuple of str."""
        return tuple(kind for kind in self.alignments.split(",") if kind)

    def check(self):
        """Raises `UserError` for an alignment that does not exist, too many negatives, and what is not used here."""
        super().check()
        if not set(self.kinds) <= set(ALIGNMENTS) or len(set(self.kinds)) < len(self.kinds):
            raise UserError(
                f"--alignments={self.alignments}: must be some of {','.join(ALIGNMENTS)}, or empty"
            )
        if self.negatives >= self.batch_size:
            raise UserError(
                f"--negatives={self.negatives}: a batch has at most {self.batch_size - 1}"
            )
        if self.scores == "semantics" and self.semantics == "none":
            raise UserError(
                "--scores=semantics: needs the words of pictures; take --semantics=regional or global"
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


def image_network(shape, config):
    """G_v: region features [B, R, D] → [B, K · H], or [B, H] without attention. Regions of zeros are padding."""
    image = keras.Input(shape, name="image")
    left_out = max(shape[0] - config.regions, 0) if config.regions else 0
    regions = keras.layers.Masking(name="regions")(
        keras.layers.Cropping1D([0, left_out], name="first")(image)
    )
    embedded = keras.layers.Dense(config.dim, name="fc")(regions)
    return keras.Model(image, _pooled(embedded, config), name="image")


def text_network(config, data):
    """G_t: word numbers [B, L] → [B, K · H], or [B, H] without attention; zeros for a text without a word."""
    from tfvse.encoders import text

    tokens = keras.Input([config.max_words], dtype="int32", name="text")
    # The plain loop on every device: a cuDNN kernel would tie an exported model to GPUs, and refuses an empty text.
    lstm = keras.layers.LSTM(
        config.dim,
        return_sequences=True,
        recurrent_initializer="glorot_uniform",
        use_cudnn=False,
        name="lstm",
    )
    return keras.Model(
        tokens, _pooled(lstm(text.embed_words(tokens, config, data)), config), name="text"
    )


def _pooled(entities, config):
    if not config.attention:
        return MaskedMean(name="mean")(entities)
    return ContextAttention(config.heads, config.dim, config.temperature, name="attention")(
        entities
    )


def discriminator(width, units, name):
    """D of eq. 4 before its sigmoid: [B, width] → scores [B, 1], larger for the first of two domains."""
    hidden = keras.layers.Dense(units, "relu", name="hidden")
    return keras.Sequential(
        [keras.Input([width]), hidden, keras.layers.Dense(1, name="score")], name=name
    )


def shared_words(split):
    """The training-free baseline: how many words of a picture's semantics occur in a text, but for stop words.

    Args:
      split: `tfvse.data.kinds.matching.MatchingSplit` with semantics.

    Returns:
      ({"semantics": s_g}, {"semantics": q}), np.float32 [N, V] and [T, V] of zeros and ones over the V words of the
      split's semantics; their products are the scores r.
    """
    from tfvse.data.kinds import word_labels

    tokenizer = split.data.tokenizer
    words = word_labels.frequent_words(split.semantics, None, tokenizer)
    found = (
        word_labels.targets(t, np.arange(len(t)), words, tokenizer)
        for t in (split.semantics, split.texts)
    )
    return tuple({"semantics": rows} for rows in found)


def reversal(progress):
    """γ of section 4.3, from 0 at the beginning of training (progress 0) to almost 1 at its end (progress 1)."""
    return 2.0 / (1.0 + ops.exp(-STEEPNESS * progress)) - 1.0


class A3VSE(MatchingSystem):
    """See the module's docstring."""

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

    def _aligned(self):
        """(domain, domain, weight) of the discriminators."""
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
        optimizer = Optimizer(
            "adam",
            config.learning_rate,
            weight_decay=config.weight_decay,
            clip_norm=config.clip_norm,
            schedule="step",
            boundaries=(round(DECAY_FROM * self.length),),
            factor=DECAY,
        )
        weights = {"pairs": config.pair_weight}
        if config.semantics != "none":
            weights["semantics"] = 1 - config.pair_weight
        for first, second, weight in self._aligned():
            weights[f"{first}_{second}"] = weight * config.adversarial_weight
        trains = {"main": tuple(self.networks)}
        return (Stage("match", trains, {"main": optimizer}, weights, config.steps, config.epochs),)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The triplet losses of eq. 3 and the cross-entropies of the discriminators."""
        config = self.config
        found = {**self._embed("image", batch), **self._embed("text", batch)}
        image = self.gather(found["image"])
        text = self.gather(found["text"])
        losses = {"pairs": self._triplet(image, text, batch["image_id"], config.pair_margin)}
        if config.semantics != "none":
            losses["semantics"] = self._triplet(
                self.gather(found["other_image"]),
                self.gather(found["other_text"]),
                batch["other_id"],
                config.semantics_margin,
            )
        for first, second, _ in self._aligned():
            losses[f"{first}_{second}"] = self._modality_entropy(found, first, second)
        return losses, {"mean_cosine": self.mean_cosine(image, text)}

    def _modality_entropy(self, found, first, second):
        """Eq. 4 of two domains, through the reversed gradient of section 4.3."""
        gamma = reversal(ops.cast(self.step, "float32") / self.length)
        network = self.networks[f"discriminator_{first}_{second}"]
        real = network(reverse_gradient(found[first], gamma), training=True)
        fake = network(reverse_gradient(found[second], gamma), training=True)
        return ops.mean(cross_entropy(real, REAL)) + ops.mean(cross_entropy(fake, FAKE))

    def _embed(self, name, batch):
        """What the network `name` makes of its input and, in the same call, of the other stream's.

        Returns:
          name, and f"other_{name}" where the batch has it → rows of length 1, float32 [B, D].
        """
        names = [key for key in (name, f"other_{name}") if key in batch]
        inputs = ops.concatenate([batch[key] for key in names])
        both = self.networks[name](inputs, training=True)
        both = ops.normalize(ops.cast(both, "float32"), axis=-1)
        return dict(zip(names, ops.split(both, len(names)), strict=True))

    def _triplet(self, image, text, ids, margin):
        """Eq. 2: the hardest negative of each image and text, over the batches of all replicas."""
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
        """Those of the family."""
        self._require_embeddings()
        return super().signatures(data)

    def _require_embeddings(self):
        if self.config.scores == "semantics":
            raise UserError(
                "--scores=semantics: is for tools/evaluate.py alone; take --scores=latent"
            )

    def image_parts(self, image: Tensor) -> Parts:
        """The part "latent": region features [B, R, D] → [B, K · H]."""
        return {"latent": self.networks["image"](image, training=False)}

    def text_parts(self, text: Tensor) -> Parts:
        """The part "latent": token numbers [B, L] → [B, K · H]."""
        return {"latent": self.networks["text"](text, training=False)}
