"""Dual-Path: convolutional image and text paths with an instance loss.

Z. Zheng, L. Zheng, M. Garrett, Y. Yang, Y.-D. Shen, "Dual-Path Convolutional Image-Text Embedding"
(arXiv 1711.05535).

Every image with its texts is a class of its own. One classifier shared by both paths tells the
classes apart: stage I, with the image network frozen. In stage II a ranking loss works on the
embeddings, the instance loss stays, and the image network learns too.

Symbols (of the authors' public MATLAB code)
    image path             network "image_encoder", then `path` of two layers: "image_path"
    text path              network "text_encoder" (`encoders.word_cnn`), then `path` of one layer:
                           "text_path"
    shared classifier      network "classifier", with `layers.instance.InstanceClassifier`
    image, text softmax    losses "image", "text"
    s(., .), m             ranking.cosine_similarities, margin
    ranking loss           loss "ranking": [m - (s(x, y) - s(x, y-))]+ + [m - (s(x, y) - s(x-, y))]+

Where this departs from the authors' code, or the source is silent
    - A frozen encoder computes image features beforehand, without augmentation. With
      --train_image_encoder batches are pixels, cropped and mirrored at random, and the encoder
      learns in stage II with the rate factor 0.001. Its biases have the same factor (theirs 0.02).
      Its batch normalisation keeps the statistics of ImageNet.
    - The negative is the hardest of the batch, theirs of 256 candidates. Another caption of the
      same image is never the negative.
    - An epoch goes through every (image, caption) pair, theirs through every image with one caption
      drawn.
    - At most 32 words are read, and of these the unknown ones are dropped. The word vectors have
      the rate of the network (--train_words) or none. Theirs have the factor 0.001 in stage I and
      0.0001 in stage II.
    - In a residual block the 1 x 2 convolution has the stride. The block begins as its shortcut:
      the scale of its last batch normalisation starts at 0 (Goyal et al. 2017).
    - --input_dropout is an addition: it takes the place of augmentation where features come
      beforehand.
    - With --sampled_classes the loss is estimated from some of the classes. The classifier then
      learns by plain SGD with --classifier_rate, since momentum or weight decay would touch every
      row in every step. Training and report say so.
    - With --noinstance_loss both stages minimise the ranking loss alone, for as many steps.

Numbers to reach (R@1, R@5, R@10 in percent on 1,000 test images, as tables 6.4 and 6.5 of Y. Liu's
thesis tell them). The authors drew their own Flickr30K split. Users who ran their code reported 5
to 6 points less.

                                              image→text       text→image
    Flickr30K, ResNet-152 frozen              44.2 70.2 79.7   30.7 59.2 70.8
    Flickr30K, ResNet-152 trained too         55.6 81.9 89.5   39.1 69.2 80.9
    MSCOCO, ResNet-50 frozen                  52.2 80.4 88.7   37.2 69.5 80.6
    MSCOCO, ResNet-50 trained too             65.6 89.8 95.5   47.1 79.9 90.0
    MSCOCO, 5,000 test images, R@1 alone      41.2             25.3
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.instance import InstanceClassifier
from tfvse.layers.normalization import batch_normalization
from tfvse.losses import ranking
from tfvse.systems.base import Batch, Logs, Losses
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import MatchingConfig
from tfvse.training.recipe import Optimizer, Stage
from tfvse.training.settings import OptimizerSettings

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingView
    from tfvse.evaluation.report import Report


@dataclasses.dataclass(frozen=True)
class Config(OptimizerSettings, MatchingConfig):
    """Settings of Dual-Path; the defaults are the authors' for COCO."""

    image_encoder: str = setting(
        "resnet50", "image network, or encoder that made the images' features"
    )
    train_image_encoder: bool = setting(
        False, "read pixels, and train the image network in stage II"
    )
    text_encoder: str = setting("word_cnn", "encoder of the texts")
    train_text_encoder: bool = setting(True, "train the text encoder with the system")
    text_dim: int = setting(
        2048, "width of the text network; word_cnn scales all its widths with it", low=0
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
    image_weight: float = setting(1.0, "weight of the images' instance loss in stage II", low=0.0)
    text_weight: float = setting(0.1, "weight of the texts' instance loss in stage II", low=0.0)
    image_rate_factor: float = setting(
        0.001, "with --train_image_encoder: factor of the image network's rate", low=0.0
    )
    nesterov: bool = setting(True, "Nesterov's momentum of SGD")
    schedule: str = setting(
        "step", "how the rate falls, in either stage", choices=("constant", "step", "linear")
    )
    weight_decay: float = setting(1e-4, "L2 penalty of the kernels, not of biases", low=0.0)

    def data_view(self) -> MatchingView:
        """What training may see of the data set."""
        return dataclasses.replace(
            super().data_view(),
            train_image_encoder=self.train_image_encoder,
        )


def path(input_dim: int, depth: int, config: Config, name: str) -> keras.Model:
    """Fully connected layers, each with batch normalisation and ReLU.

    Args:
      input_dim: D, numbers of a feature.
      depth: number of fully connected layers.
      config: its `embedding_dim` and `input_dropout`.
      name: of the network.

    Returns:
      Model, float [B, D] → [B, embedding_dim], not negative.
    """
    features = keras.Input((input_dim,))
    x = layers.Dropout(config.input_dropout)(features)
    for place in range(1, depth + 1):
        fully_connected = layers.Dense(
            config.embedding_dim,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"fc{place}",
        )
        x = batch_normalization(momentum=0.9)(fully_connected(x))
        x = layers.ReLU()(x)
    return keras.Model(features, x, name=name)


def classifier(classes: int, config: Config) -> keras.Model:
    """The classifier that both paths share, with its instance loss.

    Args:
      classes: number of classes, one for each training image.
      config: its `embedding_dim`, `dropout` and `sampled_classes`.

    Returns:
      Model, (embeddings float [B, D], classes int64 [B], classes of the whole batch int64 [G]) →
      loss [B].
    """
    embeddings = keras.Input((config.embedding_dim,))
    labels = keras.Input((), dtype="int64")
    batch_labels = keras.Input((), dtype="int64")
    dropped = layers.Dropout(config.dropout)(embeddings)
    instance_loss = InstanceClassifier(classes, config.sampled_classes, name="classes")
    loss = instance_loss([dropped, labels, batch_labels])
    return keras.Model([embeddings, labels, batch_labels], loss, name="classifier")


class DualPath(MatchingSystem):
    """Two paths with an instance loss, then a ranking loss (Zheng et al., 2017)."""

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
            self._stage("instance", instance_weights, config.instance_length, (), False),
            self._stage("ranking", weights, 1.0, config.drop_at, thawed),
        )

    def _stage(
        self,
        name: str,
        weights: Mapping[str, float],
        length: float,
        drops: tuple[float, ...],
        thawed: bool,
    ) -> Stage:
        """A stage of the recipe.

        Args:
          name: shown in the log.
          weights: of the losses.
          length: in lengths of stage II.
          drops: where the rate falls, see `Optimizer`.
          thawed: whether the image network learns.
        """
        config = self.config
        trains = {"main": self.with_text_encoder(*self.branches)}
        main = dataclasses.replace(config.optimizer_settings(), drops=drops)
        optimizers = {"main": main}
        if self.softmax == "full":
            trains["main"] += ("classifier",)
        if self.softmax == "sampled":
            # Momentum or weight decay would touch every row of the classifier in every step.
            trains["classifier"] = ("classifier",)
            optimizers["classifier"] = Optimizer(
                "sgd",
                config.classifier_rate,
                schedule=config.schedule,
                drops=drops,
                decay_from=0.0,
            )
        if thawed:
            trains["image_encoder"] = ("image_encoder",)
            rate = config.image_rate_factor * config.learning_rate
            optimizers["image_encoder"] = dataclasses.replace(main, learning_rate=rate)
        steps = _scaled(config.steps, length)
        epochs = _scaled(config.epochs, length)
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


def _scaled(count: int, factor: float) -> int:
    """`count` steps or epochs times `factor`, at least one where there are any."""
    return max(1, round(factor * count)) if count else 0
