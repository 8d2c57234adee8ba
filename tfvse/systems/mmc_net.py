"""MMC-Net: joint matching and classification of images with texts.

Y. Liu, L. Liu, Y. Guo, M. S. Lew, "Learning visual and textual representations for multimodal
matching and classification", Pattern Recognition 84 (2018), as chapter 7 of Y. Liu's thesis tells
it.

Two branches of four fully connected layers match images and texts. Compact bilinear pooling makes
one vector of a pair's two embeddings, which is classified. So object labels, less biased than
sentences, correct the embedding, and matching corrects the classes.

Symbols
    x, y                    batch "image", "text": features from the encoders
    f(x), g(y)              networks "image_branch", "text_branch": FC1 to FC4, of which FC2 to FC4
                            are fused (eqs 7.1, 7.2)
    d(., .)                 1 - ranking.cosine_similarities (eq. 7.3)
    L_mat; m, alpha, K      loss "matching" (eq. 7.4); margin, alpha, negatives
    B(x, y), D              network "classifier": layers.bilinear (eq. 7.5, algorithm 2), pooled_dim
    a, W_CBP                its last layer (eq. 7.8), without bias
    L_cls                   loss "classification" (eqs 7.9-7.12)
    beta                    classification_weight (eq. 7.13)
    stages 1, 2, 3          stages match, classify, joint (algorithm 3)
    T_1, T_2, T_3           --steps or --epochs, --classification_length, --joint_length, in the
                            same unit
    lambda_1, 2, 3          learning_rate, classification_rate, joint_rate

Where this departs from the thesis, or the thesis is silent
    - The "most dissimilar" negatives are taken to be the hardest, as in chapter 6. Captions of one
      image in one batch are never negatives of each other.
    - L_mat, which eq. 7.4 sums, and L_cls are means over the pairs. Eq. 7.13 as a whole is divided
      by K. The learning rate then depends neither on the batch nor on K.
    - Fusion has three weights and a bias per channel (eq. 7.1); section 7.4.5 counts the three
      weights only. They start at 1 / 3. Multiplication and sum have no weights.
    - ReLU follows every layer, FC4 too (section 7.2.2), behind its batch normalisation. FC1 has
      dropout instead. So the product of three layers is mostly zero and learns slowly: see
      docs/results/7.6.md.
    - The batch normalisation of the input (section 7.2.2) makes all numbers equally large, also the
      least principal components, which are mostly noise. So --image_components costs about four
      points of R@1.
    - The thesis says only that lambda_2 and lambda_3 are smaller than lambda_1. Here they are a
      tenth and a hundredth of it.
    - Where a set has no classes, words stand for the labels of an image (--labels=words), as
      chapter 9 suggests: the most frequent words of the training captions that are no stop words.
      Numbers made so are not comparable with the thesis's.
    - MM-Net (variant mm) is stage 1 alone. MC-Net (mc) is one stage with the classification loss
      over all networks.

Numbers to reach (R@1 image→text, R@1 text→image, top-1 accuracy or mean average precision of the
classes, in percent; ResNet-152 and word2vec's mean vector; tables 7.2 to 7.4)

                 Pascal Sentence    MSCOCO            Flowers-102       CUB-200
    MM-Net       47.0 38.4 -        55.5 44.7 -       58.1 32.7 -       32.5 18.3 -
    MC-Net       -    -    71.0     -    -    77.6    -    -    94.0    -    -    80.7
    MMC-Net      52.0 41.0 74.0     57.0 46.2 79.3    78.7 43.6 95.2    39.2 25.8 82.4
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.export.signature import Signature
from tfvse.losses import classification, ranking
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import RankingConfig, layer_widths
from tfvse.systems.mmc_net_networks import branch, classifier
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingView
    from tfvse.evaluation.report import Report


@dataclasses.dataclass(frozen=True)
class Config(RankingConfig):
    """Settings of MMC-Net; the defaults are the thesis's."""

    text_encoder: str = setting("glove_mean", "encoder of the texts")
    variant: str = setting(
        "mmc", "MMC-Net, or matching or classification alone", choices=("mmc", "mm", "mc")
    )
    labels: str = setting(
        "set",
        "classes of the data set, words of the captions, or none",
        choices=("set", "words", "none"),
    )
    label_words: int = setting(
        100, "with --labels=words: number of words that are labels, the most frequent ones", low=2
    )
    widths: str = setting("2048,512,512,512", "units of FC1, FC2, FC3, FC4 of either branch")
    layer_fusion: str = setting(
        "convolution",
        "fusion of FC2, FC3 and FC4",
        choices=("none", "sum", "product", "convolution"),
    )
    alpha: float = setting(2.0, "weight of ranking images for a text", low=0.0)
    pooling: str = setting(
        "compact_bilinear",
        "how both embeddings are joined to be classified; image: the image's alone",
        choices=("compact_bilinear", "bilinear", "concatenation", "image"),
    )
    pooled_dim: int = setting(2048, "width D of compact bilinear pooling", low=1)
    classification_weight: float = setting(
        0.5, "weight beta of the classification loss in the joint stage", low=0.0
    )
    classification_length: int = setting(
        0, "steps or epochs of the second stage; 0: as many as the first", low=0
    )
    joint_length: int = setting(
        0, "steps or epochs of the third stage; 0: as many as the first", low=0
    )
    classification_rate: float = setting(0.01, "initial learning rate of the second stage", low=0.0)
    joint_rate: float = setting(0.001, "initial learning rate of the third stage", low=0.0)

    def data_view(self) -> MatchingView:
        """What training may see of the data set."""
        return dataclasses.replace(
            super().data_view(),
            labels=self.labels,
            label_words=self.label_words,
        )

    def check(self) -> None:
        """Raises `UserError` where widths contradict the fusion, or labels the variant."""
        super().check()
        widths = layer_widths(self.widths, 4)
        fused = set(widths[1:])
        if self.layer_fusion != "none" and len(fused) > 1:
            raise UserError(
                f"--widths={self.widths}: FC2, FC3 and FC4 are fused, so they must be equally wide"
            )
        if (self.variant == "mm") != (self.labels == "none"):
            raise UserError(
                f"--variant={self.variant} --labels={self.labels}: MM-Net needs --labels=none, the "
                "others need labels"
            )


class MMCNet(MatchingSystem):
    """Two branches that match, and a classifier of pairs (Liu et al., 2018)."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the encoders, the two branches and, but for MM-Net, the classifier."""
        config = self.config
        self.single_label = data.single_label
        self.networks = self.matching_networks(data)
        self.add_branches(branch)
        if data.classes:
            width = layer_widths(config.widths, 4)[3]
            self.networks["classifier"] = classifier(width, len(data.classes), config)

    def stages(self) -> tuple[Stage, ...]:
        """Algorithm 3; the first stage alone for MM-Net, one stage of all networks for MC-Net."""
        config = self.config
        branches = self.with_text_encoder(*self.branches)
        everything = (*branches, "classifier")
        if config.variant == "mm":
            return (self._stage("match", branches, config.learning_rate, {}),)
        if config.variant == "mc":
            return (self._stage("classify", everything, config.learning_rate, {"matching": 0.0}),)

        joint_weights = {"classification": config.classification_weight / config.negatives}
        match = self._stage("match", branches, config.learning_rate, {"classification": 0.0})
        classify = self._stage(
            "classify",
            ("classifier",),
            config.classification_rate,
            {"matching": 0.0},
            config.classification_length,
        )
        joint = self._stage(
            "joint", everything, config.joint_rate, joint_weights, config.joint_length
        )
        return match, classify, joint

    def _stage(
        self,
        name: str,
        trains: tuple[str, ...],
        rate: float,
        weights: Mapping[str, float],
        length: int = 0,
    ) -> Stage:
        """A stage of `length` steps or epochs; 0: as long as the run."""
        config = self.config
        optimizer = dataclasses.replace(config.optimizer_settings(), learning_rate=rate)
        steps, epochs = config.stage_length(length)
        return Stage(name, {"main": trains}, {"main": optimizer}, weights, steps, epochs)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """L_mat and, but for MM-Net, L_cls."""
        config = self.config
        # Algorithm 3 keeps the branches as they are while the classifier learns alone.
        training = self.stage.name != "classify" or config.variant == "mc"
        image = self.embed_image(batch["image"], training)
        text = self.embed_text(batch["text"], training)
        images = self.gather(image)
        texts = self.gather(text)
        positives = ranking.same_label(self.gather(batch["image_id"]))
        similarities = ranking.cosine_similarities(images, texts)
        matching = ranking.top_k_ranking_loss(
            similarities, positives, config.margin, config.negatives, config.alpha
        )
        losses = {"matching": ops.mean(matching) / config.negatives}
        logs = {"mean_cosine": self.mean_cosine(images, texts)}
        if "classifier" in self.networks:
            logits = self.networks["classifier"]([image, text])
            label_loss = self._label_loss(logits, batch["label"])
            losses["classification"] = ops.mean(label_loss)
        return losses, logs

    def _label_loss(self, logits: Tensor, label: Tensor) -> Tensor:
        """Eq. 7.9 with one label, int64 [B], eq. 7.11 with several, float32 [B, classes]: [B]."""
        if self.single_label:
            return classification.softmax_cross_entropy(logits, label)
        return classification.sigmoid_cross_entropy(logits, label)

    def probabilities(self, image: Tensor, text: Tensor) -> Tensor:
        """Classifies pairs: softmax (7.10) of one label, sigmoid of each (7.12) of several.

        Args:
          image: float32 [B, D] features.
          text: [B, …], as a batch's "text".

        Returns:
          float32 [B, classes] in 0 … 1.
        """
        image = self.embed_image(image, training=False)
        text = self.embed_text(text, training=False)
        logits = self.networks["classifier"]([image, text])
        return ops.softmax(logits) if self.single_label else ops.sigmoid(logits)

    def evaluate(
        self,
        data: MatchingData,
        split: str,
        work_dir: pathlib.Path | None = None,
    ) -> Report:
        """Retrieval as in the family; every pair of an image and its text is classified as well."""
        report = super().evaluate(data, split, work_dir)
        if "classifier" not in self.networks:
            return report
        from tfvse.evaluation import classification as protocol

        part = data.split(split)
        metrics = protocol.of_pairs(self.probabilities, part, self.single_label)
        labels = {
            "labels": self.config.labels,
            "classes": len(data.classes),
            "classified": "every image with each text",
        }
        return dataclasses.replace(
            report,
            metrics={**report.metrics, **metrics},
            protocol={**report.protocol, "classification": labels},
        )

    def signatures(self, data: MatchingData) -> dict[str, Signature]:
        """The family's and, but for MM-Net, classify: an image with a text → all classes."""
        signatures = super().signatures(data)
        if "classifier" in self.networks:
            signatures["classify"] = self._classify_signature(data)
        return signatures

    def _classify_signature(self, data: MatchingData) -> Signature:
        """Image and text files → every class by falling probability."""
        import tensorflow as tf

        from tfvse.export import graph
        from tfvse.systems import matching_export

        read_images, image_resources = matching_export.image_reader(self)
        read_texts, text_resources = matching_export.text_reader(self, data)
        names = tf.Variable(np.array(data.classes), trainable=False)

        def classify(image: Tensor, text: Tensor) -> dict[str, Tensor]:
            """Image files and texts, string [B] each → classes and probabilities [B, classes]."""
            probabilities = self.probabilities(read_images(image), read_texts(text))
            best, order = tf.nn.top_k(probabilities, k=len(data.classes))
            return {"classes": tf.gather(names, order), "probabilities": best}

        gallery = self.gallery(data)
        owners = gallery.image_of_text[:2]
        images = [gallery.encoded(row) for row in owners]
        texts = [text.encode() for text in gallery.texts[:2]]
        example = {
            "image": np.array(images, object),
            "text": np.array(texts, object),
        }
        function = graph.using(classify, *image_resources, *text_resources)
        inputs = {**matching_export.IMAGE, **matching_export.TEXT}
        return Signature(function, inputs, example)
