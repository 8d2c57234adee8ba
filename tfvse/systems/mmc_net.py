"""MMC-Net: joint matching and classification of pictures with texts.

Y. Liu, L. Liu, Y. Guo, M. S. Lew, "Learning visual and textual representations for multimodal matching and
classification", Pattern Recognition 84 (2018), as chapter 7 of Y. Liu's thesis tells it. Two branches of four fully
connected layers match pictures and texts; from what they give, compact bilinear pooling makes one vector of the pair,
which is classified. Object labels, less biased than sentences, so correct the embedding, and matching the classes.

Symbols
    x, y                    image, text: features from the encoders
    f(x), g(y)              the networks image_branch, text_branch: FC1 to FC4, FC2 to FC4 fused (7.1, 7.2)
    d(., .)                 1 - ranking.cosine_similarities (7.3)
    L_mat; m, alpha, K      loss "matching" (7.4); margin, alpha, negatives
    B(x, y), D              the network classifier: layers.bilinear (7.5, algorithm 2), pooled_dim
    a, W_CBP, L_cls         its last layer (7.8), without bias; loss "classification" (7.9-7.12)
    beta                    classification_weight (7.13)
    stages 1, 2, 3          stages match, classify, joint (algorithm 3); T_1, T_2, T_3 are --steps or --epochs,
                            --classification_length, --joint_length, in the same unit
    lambda_1, 2, 3          learning_rate, classification_rate, joint_rate

Where this departs from the thesis, or the thesis is silent
    - The "most dissimilar" negatives are taken to be the hardest, as in chapter 6; captions of one picture in one batch
      are never negatives of each other. L_mat, which (7.4) sums, and L_cls are means over the pairs, and (7.13) as a
      whole is divided by K: the learning rate then depends neither on the batch nor on K.
    - Fusion has three weights and a bias per channel (7.1); section 7.4.5 counts the three weights only. They start at
      1 / 3. Multiplication and sum have no weights.
    - ReLU follows every layer, FC4 too (section 7.2.2), behind its batch normalisation; FC1 has dropout instead. So the
      product of three layers is mostly zero, and learns slowly: see docs/results/7.6.md.
    - The batch normalisation of the input (section 7.2.2) makes all numbers equally large: principal components, the
      least of which are mostly noise, cost it about four points of R@1 (--image_components).
    - lambda_2 and lambda_3 are only said to be smaller than lambda_1: a tenth and a hundredth of it here.
    - Where a set has no classes, the most frequent words of the training captions that are no stop words are the labels
      of a picture (--labels=words), as chapter 9 suggests; numbers made so are not comparable with the thesis's.
    - MM-Net (variant mm) is stage 1 alone, MC-Net (mc) one stage with the classification loss over all networks.

Numbers to reach (R@1 image→text, R@1 text→image, top-1 accuracy or mean average precision of the classes, in percent;
ResNet-152 and word2vec's mean vector; tables 7.2 to 7.4)

                 Pascal Sentence    MSCOCO            Flowers-102       CUB-200
    MM-Net       47.0 38.4 -        55.5 44.7 -       58.1 32.7 -       32.5 18.3 -
    MC-Net       -    -    71.0     -    -    77.6    -    -    94.0    -    -    80.7
    MMC-Net      52.0 41.0 74.0     57.0 46.2 79.3    78.7 43.6 95.2    39.2 25.8 82.4
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.export.signature import Signature
from tfvse.layers.bilinear import CompactBilinear, bilinear_pooling, signed_root
from tfvse.layers.fusion import ConvolutionFusion
from tfvse.layers.normalization import batch_normalization
from tfvse.losses import classification, ranking
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import RankingConfig, layer_widths
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData
    from tfvse.evaluation.report import Report

NORM_MOMENTUM = 0.9  # of batch normalisation


@dataclasses.dataclass(frozen=True)
class Config(RankingConfig):
    """Settings of MMC-Net; the defaults are the thesis's."""

    text_encoder: str = setting("glove_mean", "encoder of the texts")
    scores: str = setting(
        "embedding", "scores that are fused: the one there is", choices=("embedding",)
    )
    variant: str = setting(
        "mmc", "MMC-Net, or matching or classification alone", choices=("mmc", "mm", "mc")
    )
    labels: str = setting(
        "set",
        "classes of the data set, words of the captions, or none",
        choices=("set", "words", "none"),
    )
    label_words: int = setting(
        100, "words that are labels with --labels=words, the most frequent ones", low=2
    )
    widths: str = setting("2048,512,512,512", "units of FC1, FC2, FC3, FC4 of either branch")
    layer_fusion: str = setting(
        "convolution",
        "fusion of FC2, FC3 and FC4",
        choices=("none", "sum", "product", "convolution"),
    )
    alpha: float = setting(2.0, "weight of ranking pictures for a text", low=0.0)
    pooling: str = setting(
        "compact_bilinear", "what is classified: both embeddings joined in one way, or the picture's alone",
        choices=("compact_bilinear", "bilinear", "concatenation", "image"),
    )  # fmt: skip
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

    def check(self):
        """Raises `UserError` where widths contradict the fusion, or there is nothing to classify."""
        super().check()
        widths = layer_widths(self.widths, 4)
        if self.layer_fusion != "none" and len(set(widths[1:])) > 1:
            raise UserError(
                f"--widths={self.widths}: FC2, FC3 and FC4 are fused, so they must be equally wide"
            )
        if (self.variant == "mm") != (self.labels == "none"):
            raise UserError(
                f"--variant={self.variant} --labels={self.labels}: MM-Net needs --labels=none, the others need labels"
            )


class VectorBiasFusion(ConvolutionFusion):
    """One weight for each side output, shared by all channels, and a bias for each channel (7.1, 7.2)."""

    def bias_shape(self, field):
        return field


def fused(layers, fusion):
    """FC2, FC3 and FC4, three tensors [B, D], in one [B, D]; `fusion` as in the setting."""
    if fusion == "none":
        return layers[-1]
    if fusion == "convolution":
        return VectorBiasFusion(activation="linear", name="fusion")(layers)
    return (keras.layers.Add if fusion == "sum" else keras.layers.Multiply)(name="fusion")(layers)


def branch(input_dim, config, name):
    """FC1 to FC4 of one modality and their fusion: Model [B, input_dim] → [B, D], not normalised."""
    widths = layer_widths(config.widths, 4)
    features = keras.Input((input_dim,))
    hidden = keras.layers.Dropout(config.input_dropout)(
        batch_normalization(momentum=NORM_MOMENTUM, name="input_norm")(features)
    )
    hidden = keras.layers.Dense(widths[0], activation="relu", name="fc1")(hidden)
    hidden = keras.layers.Dropout(config.dropout)(hidden)
    layers = []
    for place, width in enumerate(widths[1:], start=2):
        hidden = batch_normalization(momentum=NORM_MOMENTUM, name=f"fc{place}_norm")(
            keras.layers.Dense(width, name=f"fc{place}")(hidden)
        )
        hidden = keras.layers.ReLU()(hidden)
        layers.append(hidden)
    return keras.Model(features, fused(layers, config.layer_fusion), name=name)


def classifier(width, classes, config):
    """The pooled pair, its signed square root, L2 normalisation and the scores (7.5-7.8).

    Args:
        width: of either embedding.
        classes: number of classes.
        config: has `pooling`, `pooled_dim` and `seed`, which draws the hash functions.

    Returns:
        Model (image [B, width], text [B, width]) → float32 logits [B, classes].
    """
    image, text = keras.Input((width,), name="image"), keras.Input((width,), name="text")
    if config.pooling == "compact_bilinear":
        pooled = CompactBilinear(config.pooled_dim, seed=config.seed, name="pooling")([image, text])
    elif config.pooling == "bilinear":
        pooled = bilinear_pooling(image, text)
    else:
        pooled = (
            image
            if config.pooling == "image"
            else keras.layers.Concatenate(name="pooling")([image, text])
        )
    normalized = ops.normalize(signed_root(ops.cast(pooled, "float32")), axis=-1)
    logits = keras.layers.Dense(classes, use_bias=False, name="scores", dtype="float32")(normalized)
    return keras.Model([image, text], logits, name="classifier")


class MMCNet(MatchingSystem):
    """See the module's docstring."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the encoders, the two branches and, but for MM-Net, the classifier."""
        config = self.config
        self.single_label = data.single_label
        self.networks = self.matching_networks(data)
        for branch_name, encoder in zip(self.branches, list(self.networks.values()), strict=True):
            self.networks[branch_name] = branch(encoder.output_shape[-1], config, branch_name)
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

    def _stage(self, name, trains, rate, weights, length=0):
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
            losses["classification"] = ops.mean(self._label_loss(logits, batch["label"]))
        return losses, logs

    def _label_loss(self, logits, label):
        if self.single_label:
            return classification.softmax_cross_entropy(logits, label)
        return classification.sigmoid_cross_entropy(logits, label)

    def probabilities(self, image: Tensor, text: Tensor) -> Tensor:
        """Classifies pairs: softmax (7.10) of one label, sigmoid of each (7.12) of several.

        Args:
          image: float32 [B, D] features.
          text: [B, …], as a batch's "text".

        Returns:
          float32 [B, classes].
        """
        pair = [self.embed_image(image, training=False), self.embed_text(text, training=False)]
        logits = self.networks["classifier"](pair)
        return ops.softmax(logits) if self.single_label else ops.sigmoid(logits)

    def evaluate(
        self, data: MatchingData, split: str, work_dir: pathlib.Path | None = None
    ) -> Report:
        """Retrieval as in the family; every pair of an image and its text is classified as well."""
        report = super().evaluate(data, split, work_dir)
        if "classifier" not in self.networks:
            return report
        from tfvse.evaluation import classification as protocol

        metrics = protocol.of_pairs(self.probabilities, data.split(split), self.single_label)
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

    def _classify_signature(self, data):
        import tensorflow as tf

        from tfvse.export import graph
        from tfvse.systems import matching_export

        read_images, image_resources = matching_export.image_reader(self)
        read_texts, text_resources = matching_export.text_reader(self, data)
        names = tf.Variable(np.array(data.classes), trainable=False)

        def classify(image, text):
            probabilities = self.probabilities(read_images(image), read_texts(text))
            best, order = tf.nn.top_k(probabilities, k=len(data.classes))
            return {"classes": tf.gather(names, order), "probabilities": best}

        gallery = self.gallery(data)
        owners = gallery.image_of_text[:2]
        example = {
            "image": np.array([gallery.picture(row) for row in owners], object),
            "text": np.array([text.encode() for text in gallery.texts[:2]], object),
        }
        function = graph.using(classify, *image_resources, *text_resources)
        inputs = {**matching_export.IMAGE, **matching_export.TEXT}
        return Signature(function, inputs, example)
