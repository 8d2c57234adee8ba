"""Dual-Path: convolutional image and text paths with an instance loss.

Z. Zheng, L. Zheng, M. Garrett, Y. Yang, Y.-D. Shen, "Dual-Path Convolutional Image-Text Embedding" (arXiv 1711.05535).
Every picture with its texts is a class of its own, and one classifier shared by both paths tells the classes apart
(stage I, the image network frozen). In stage II a ranking loss works on the embeddings, the instance loss is kept, and
the image network learns too.

Symbols (of the authors' public MATLAB code)
    image path             image_encoder, then `path` of two layers: image_path
    text path              text_encoder (`encoders.word_cnn`), then `path` of one layer: text_path
    shared classifier      `classifier`, with `layers.instance.InstanceClassifier`
    image, text softmax    losses image, text
    s(., .), m             ranking.cosine_similarities, margin
    ranking loss           loss ranking: [m - (s(x, y) - s(x, y-))]+ + [m - (s(x, y) - s(x-, y))]+

Where this departs from the authors' code, or the source is silent
    - Image features come from a frozen encoder beforehand, without augmentation, unless --train_image_encoder: then
      batches are pixels, cropped and mirrored at random, and the encoder learns in stage II with the rate factor 0.001.
      Its biases have the same factor (theirs 0.02); its batch normalisation keeps the statistics of ImageNet.
    - The negative is the hardest of the batch, theirs of 256 candidates; it is no other caption of the same picture.
    - An epoch goes through every (picture, caption) pair, theirs through every picture with one caption drawn.
    - At most 32 words are read, and of these the unknown ones dropped. The word vectors have the rate of the network
      (--train_words) or none, theirs the factor 0.001 in stage I and 0.0001 in stage II.
    - In a residual block the stride is that of the 1 x 2 convolution, and the block begins as its shortcut: the scale
      of its last batch normalisation starts at 0 (Goyal et al. 2017).
    - --input_dropout, in the place of an augmentation where features come beforehand, is ours.
    - With --sampled_classes the loss is estimated from some of the classes, and the classifier learns by plain SGD with
      --classifier_rate, since momentum or weight decay would touch every row in every step. Training and report say so.
    - With --noinstance_loss both stages minimise the ranking loss alone, for as many steps.

Numbers to reach (R@1, R@5, R@10 in percent on 1,000 test pictures, as tables 6.4 and 6.5 of Y. Liu's thesis tell them;
the authors drew their own Flickr30K split, and users who ran their code reported 5 to 6 points less)

                                              image→text       text→image
    Flickr30K, ResNet-152 frozen              44.2 70.2 79.7   30.7 59.2 70.8
    Flickr30K, ResNet-152 trained too         55.6 81.9 89.5   39.1 69.2 80.9
    MSCOCO, ResNet-50 frozen                  52.2 80.4 88.7   37.2 69.5 80.6
    MSCOCO, ResNet-50 trained too             65.6 89.8 95.5   47.1 79.9 90.0
    MSCOCO, 5,000 test pictures, R@1 alone    41.2             25.3
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

import keras
from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.instance import InstanceClassifier
from tfvse.layers.normalization import batch_normalization
from tfvse.losses import ranking
from tfvse.systems.base import Batch, Logs, Losses
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import MatchingConfig
from tfvse.training.recipe import Optimizer, Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData
    from tfvse.evaluation.report import Report


@dataclasses.dataclass(frozen=True)
class Config(MatchingConfig):
    """Settings of Dual-Path; the defaults are the authors' for COCO."""

    image_encoder: str = setting("resnet50", "image network, or what made the pictures' features")
    train_image_encoder: bool = setting(
        False, "read pixels, and train the image network in stage II"
    )
    text_encoder: str = setting("word_cnn", "encoder of the texts")
    train_text_encoder: bool = setting(True, "train the text encoder with the system")
    text_dim: int = setting(
        2048, "width of the text network; word_cnn scales all its widths with it", low=0
    )
    scores: str = setting(
        "embedding", "scores that are fused; this system has one", choices=("embedding",)
    )
    embedding_dim: int = setting(2048, "units of every fully connected layer", low=1)
    input_dropout: float = setting(
        0.0, "fraction of either path's input features dropped", low=0.0, high=0.95
    )
    dropout: float = setting(
        0.5, "fraction of an embedding that is dropped before the classifier", low=0.0, high=0.95
    )
    instance_loss: bool = setting(
        True, "train the instance loss; else both stages have the ranking loss alone"
    )
    instance_length: float = setting(
        3.6, "length of stage I, in lengths of stage II (--steps or --epochs)", low=0.0
    )
    sampled_classes: int = setting(
        0, "classes drawn for the instance loss in a step; 0: all of them", low=0
    )
    classifier_rate: float = setting(
        1.0, "with --sampled_classes: rate of the classifier's plain SGD", low=0.0
    )
    margin: float = setting(1.0, "margin m of the ranking loss", low=0.0, high=2.0)
    ranking_weight: float = setting(2.0, "weight of the ranking loss in stage II", low=0.0)
    image_weight: float = setting(1.0, "weight of the pictures' instance loss in stage II", low=0.0)
    text_weight: float = setting(0.1, "weight of the texts' instance loss in stage II", low=0.0)
    optimizer: str = setting(
        "sgd", "optimizer; SGD has Nesterov's momentum", choices=("sgd", "adam")
    )
    learning_rate: float = setting(0.1, "initial learning rate of either stage", low=0.0)
    image_rate_factor: float = setting(
        0.001, "with --train_image_encoder: factor of the image network's rate", low=0.0
    )
    schedule: str = setting(
        "step",
        "step: tenfold lower at each of --drop_at; linear: to 0 in either stage",
        choices=("step", "linear"),
    )
    drop_at: str = setting(
        "", "steps of stage II at which the rate falls (step), such as 53100,70800; empty: none"
    )
    momentum: float = setting(0.9, "momentum of SGD", low=0.0, high=1.0)
    weight_decay: float = setting(1e-4, "L2 penalty of the weights", low=0.0)

    @property
    def drops(self):
        """`drop_at` as a tuple of int."""
        return tuple(int(step) for step in self.drop_at.split(",") if step)

    def check(self):
        """Raises `UserError` where settings contradict each other."""
        super().check()
        if not all(step.isdecimal() for step in self.drop_at.split(",") if step):
            raise UserError(f"--drop_at={self.drop_at}: must be whole numbers such as 53100,70800")

    def optimizer_settings(self, factor=1.0, boundaries=()):
        """The `Optimizer` that these settings describe, its rate times `factor`."""
        return Optimizer(
            self.optimizer, factor * self.learning_rate, momentum=self.momentum, nesterov=True,
            weight_decay=self.weight_decay, schedule=self.schedule, boundaries=boundaries, decay_from=0.0,
        )  # fmt: skip


def path(input_dim, layers, config, name):
    """Fully connected layers, each with batch normalisation and ReLU: Model [B, input_dim] → [B, width], at least 0."""
    features, width = keras.Input((input_dim,)), config.embedding_dim
    x = keras.layers.Dropout(config.input_dropout)(features)
    for place in range(1, layers + 1):
        x = keras.layers.Dense(
            width, use_bias=False, kernel_initializer="he_normal", name=f"fc{place}"
        )(x)
        x = keras.layers.ReLU()(batch_normalization(momentum=0.9)(x))
    return keras.Model(features, x, name=name)


def classifier(classes, config):
    """Dropout and instance loss: Model (embeddings [B, D], classes [B], classes of the batch [G]) → loss [B]."""
    embeddings = keras.Input((config.embedding_dim,))
    labels, batch_labels = (keras.Input((), dtype="int64") for _ in range(2))
    dropped = keras.layers.Dropout(config.dropout)(embeddings)
    loss = InstanceClassifier(classes, config.sampled_classes, name="classes")(
        [dropped, labels, batch_labels]
    )
    return keras.Model([embeddings, labels, batch_labels], loss, name="classifier")


class DualPath(MatchingSystem):
    """See the module's docstring."""

    Config = Config
    branches = ("image_path", "text_path")

    def build(self, data: MatchingData) -> None:
        """Makes both paths and, with the instance loss, the classifier of the training images."""
        config = self.config
        self.networks = self.matching_networks(data)
        image_dim = self.networks["image_encoder"].output_shape[-1]
        text_dim = self.networks["text_encoder"].output_shape[-1]
        self.networks["image_path"] = path(image_dim, 2, config, "image_path")
        self.networks["text_path"] = path(text_dim, 1, config, "text_path")
        if not config.instance_loss:
            return

        self.classes = len(data.split("train").image_ids)
        if config.sampled_classes > self.classes:
            raise UserError(
                f"--sampled_classes={config.sampled_classes}: there are only {self.classes} images"
            )
        self.networks["classifier"] = classifier(self.classes, config)

    def create_optimizers(self) -> None:
        """As every system; tells when the instance loss is sampled."""
        if self.softmax == "sampled":
            drawn = f"{self.config.sampled_classes:,} of {self.classes:,}"
            print(
                f"instance loss: a sampled softmax, {drawn} classes drawn in each step; the "
                "classifier learns by SGD"
            )
        super().create_optimizers()

    @property
    def softmax(self) -> str:
        """Of the instance loss: "full", "sampled" or "none"."""
        if not self.config.instance_loss:
            return "none"
        return "sampled" if self.config.sampled_classes else "full"

    def stages(self) -> tuple[Stage, ...]:
        """Stage I trains the instance loss, stage II everything by the weighted sum."""
        config = self.config
        instance_weights = {"ranking": 0.0} if config.instance_loss else {}
        weights = {"ranking": config.ranking_weight}
        if config.instance_loss:
            weights["image"] = config.image_weight
            weights["text"] = config.text_weight
        thawed = config.train_image_encoder
        return (
            self._stage("instance", instance_weights, config.instance_length, (), thawed=False),
            self._stage("ranking", weights, 1.0, config.drops, thawed),
        )

    def _stage(self, name, weights, length, drops, thawed):
        config = self.config
        trains = {"main": self.with_text_encoder(*self.branches)}
        optimizers = {"main": config.optimizer_settings(boundaries=drops)}
        if self.softmax == "full":
            trains["main"] += ("classifier",)
        if self.softmax == "sampled":
            # Momentum or weight decay would touch every row of the classifier in every step.
            trains["classifier"] = ("classifier",)
            optimizers["classifier"] = Optimizer(
                "sgd",
                config.classifier_rate,
                schedule=config.schedule,
                boundaries=drops,
                decay_from=0.0,
            )
        if thawed:
            trains["image_encoder"] = ("image_encoder",)
            optimizers["image_encoder"] = config.optimizer_settings(config.image_rate_factor, drops)
        steps = max(1, round(length * config.steps)) if config.steps else 0
        epochs = max(1, round(length * config.epochs)) if config.epochs else 0
        return Stage(name, trains, optimizers, weights, steps, epochs)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The ranking loss over the batches of all replicas, and this replica's instance losses."""
        image = self.embed_image(batch["image"], training=True)
        text = self.embed_text(batch["text"], training=True)
        image_id = self.gather(batch["image_id"])
        images = self.gather(image)
        similarities = ranking.cosine_similarities(images, self.gather(text))
        positives = ranking.same_label(image_id)
        hardest = ranking.top_k_ranking_loss(
            similarities, positives, self.config.margin, k=1, alpha=1.0
        )
        losses = {"ranking": ops.mean(hardest)}
        if self.config.instance_loss:
            both = ops.concatenate([image, text])
            labels = ops.concatenate([batch["image_id"], batch["image_id"]])
            loss = self.networks["classifier"]([both, labels, image_id], training=True)
            of_images, of_texts = ops.split(loss, 2)
            losses["image"] = ops.mean(of_images)
            losses["text"] = ops.mean(of_texts)
        return losses, {"mean_cosine": self.mean_cosine(images)}

    def evaluate(
        self, data: MatchingData, split: str, work_dir: pathlib.Path | None = None
    ) -> Report:
        """As every matching system; the report says which softmax the instance loss had."""
        report = super().evaluate(data, split, work_dir)
        protocol = {**report.protocol, "instance_softmax": self.softmax}
        return dataclasses.replace(report, protocol=protocol)
