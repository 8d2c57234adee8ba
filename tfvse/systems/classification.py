"""The family of single-label classifiers: one network from images to logits.

It learns by cross-entropy and SGD, and is measured by its error rate.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import keras
import numpy as np
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.errors import UserError
from tfvse.export.signature import Signature
from tfvse.layers.disout import REGULARIZERS
from tfvse.layers.fusion import FUSIONS, LocallyConnectedFusion
from tfvse.losses.classification import softmax_cross_entropy
from tfvse.systems.base import Batch, Logs, Losses, System, Tensor
from tfvse.training.recipe import Optimizer, Stage
from tfvse.training.settings import OptimizerSettings

if TYPE_CHECKING:
    from tfvse.data.kinds.classification import ClassificationData, ClassificationView
    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel


LITERT_IMAGES = 1000  # that a LiteRT file is measured on
CALIBRATION_IMAGES = 100  # of the training split, from which int8 ranges are taken


class Classifier(Protocol):
    """The network of a classifier: a `keras.Model` whose first layer normalises the images."""

    fusion: keras.Layer | None

    def __call__(self, images: Tensor, training: bool = False) -> Tensor:
        """float [B, H, W, 3] of 0 … 255 → float32 logits [B, classes]."""

    def embed(self, images: Tensor, training: bool = False) -> Tensor:
        """float [B, H, W, 3] of 0 … 255 → float [B, d], from which the logits are computed."""

    def feature_maps(self, images: Tensor, training: bool = False) -> Sequence[Tensor]:
        """float [B, H, W, 3] of 0 … 255 → for each branch float [B, h, w, K]."""


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(OptimizerSettings, RunConfig):
    """Settings of every classifier."""

    augment: bool = setting(
        False,
        "train on random crops, half of them mirrored; small images are padded by 4 pixels before",
    )
    resize_to: int = setting(
        0, "height and width that images are scaled to; 0: they are small and of one size", low=0
    )
    crop: int = setting(
        0, "height and width of the part that the network sees; 0: the whole image", low=0
    )
    fusion: str = setting(
        "locally_connected",
        "how side branches are fused; none: no branch",
        choices=("none", *FUSIONS),
    )
    fusion_kernel: int = setting(
        1, "neighbouring channels that fusion weighs together", choices=(1, 2, 3)
    )
    regularizer: str = setting(
        "dropout", "how features are disturbed in training", choices=tuple(REGULARIZERS)
    )
    dropout: float = setting(
        0.5, "fraction of the features that --regularizer disturbs", low=0.0, high=0.99
    )
    weight_decay: float = setting(1e-4, "L2 penalty of the kernels, not of biases", low=0.0)

    def data_view(self) -> ClassificationView:
        """What training may see of the data set."""
        from tfvse.data.kinds.classification import ClassificationView

        return ClassificationView(
            augment=self.augment,
            resize_to=self.resize_to,
            crop=self.crop,
        )

    def check(self) -> None:
        """Raises `UserError` where sizes or the fusion's kernel contradict each other."""
        super().check()
        one_of_two = bool(self.crop) != bool(self.resize_to)
        if one_of_two or self.crop > self.resize_to:
            raise UserError(
                f"--resize_to={self.resize_to} --crop={self.crop}: set both above 0, with a crop "
                "no larger than --resize_to, or set both to 0"
            )

        if self.fusion_kernel > 1 and self.fusion in ("none", "sum"):
            raise UserError(
                f"--fusion_kernel={self.fusion_kernel}: --fusion={self.fusion} has no kernel; "
                "leave it at 1"
            )


class ClassificationSystem(System):
    """Owns `networks["classifier"]`, which a member makes in `make_classifier`."""

    Config = ClassificationConfig
    data_kind = "classification"
    monitor = "-error_rate"
    limits = (
        "Every image gets one of the classes above, also when it shows none of them.",
        "Images are resized to the training size whatever their aspect; with --crop the network "
        "sees the middle.",
        "Probabilities are not calibrated.",
    )

    def make_classifier(self, data: ClassificationData) -> Classifier:
        """A new network, see `Classifier`."""
        raise NotImplementedError

    def build(self, data: ClassificationData) -> None:
        """Makes the classifier for images of the data's size."""
        classifier = self.make_classifier(data)
        size = data.element_spec["image"].shape[1:]
        classifier(np.zeros((1, *size), "float32"))
        self.networks = {"classifier": classifier}

    def stage_of(self, optimizer: Optimizer, weights: Mapping[str, float]) -> tuple[Stage, ...]:
        """The recipe of one stage that trains the whole classifier, with weights of its losses."""
        config = self.config
        stage = Stage(
            "train",
            {"main": ("classifier",)},
            {"main": optimizer},
            weights,
            config.steps,
            config.epochs,
        )
        return (stage,)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The mean cross-entropy."""
        logits = self.networks["classifier"](batch["image"], training=True)
        cross_entropy = softmax_cross_entropy(logits, batch["label"])
        return {"cross_entropy": ops.mean(cross_entropy)}, {}

    def train_step(self, batch: Batch) -> Logs:
        """One update; the weights of the branches after it are logged too."""
        logs = super().train_step(batch)
        return {**logs, **self.branch_weights()}

    def branch_weights(self) -> Logs:
        """Mean and deviation of the weights of each side output in the fusion; {} without them."""
        fusion = self.networks["classifier"].fusion
        if not isinstance(fusion, LocallyConnectedFusion):
            return {}
        means, deviations = fusion.branch_weights()
        logs = {}
        for side in range(means.shape[0]):
            logs[f"fusion/side {side + 1}/weight"] = means[side]
        for side in range(means.shape[0]):
            logs[f"fusion/side {side + 1}/deviation"] = deviations[side]
        return logs

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Logits, float32 [n, classes], of float32 [n, H, W, 3] images."""
        return self.networks["classifier"].predict_on_batch(images)

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Features, float32 [n, d], of float32 [n, H, W, 3] images."""
        features = self.networks["classifier"].embed(images)
        return ops.convert_to_numpy(ops.cast(features, "float32"))

    def evaluate(
        self,
        data: ClassificationData,
        split: str,
        work_dir: pathlib.Path | None = None,
    ) -> Report:
        """Error rates; see `tfvse.evaluation.classification`."""
        from tfvse.evaluation import classification
        from tfvse.evaluation.report import Report

        result = classification.evaluate(
            self.predict,
            data.split(split),
            data.classes,
            seed=self.config.seed,
        )
        weights = self.networks["classifier"].trainable_weights
        parameters = sum(int(np.prod(weight.shape)) for weight in weights)
        protocol = {**result.protocol, "parameters": parameters}
        return Report.of(self, data, split, result._replace(protocol=protocol))

    def plots(
        self,
        report: Report,
        data: ClassificationData,
        run_dir: pathlib.Path,
    ) -> list[pathlib.Path]:
        """The confusion matrix, figure 2.1 (maps of ten images) and figure 2.8 (branch weights)."""
        from tfvse.figures import branches
        from tfvse.figures.confusion import confusion_matrix

        written = []
        confusion = report.details.get("confusion")
        if confusion:
            title = f"{self.config.data}, {report.split} split"
            path = run_dir / "confusion.png"
            written.append(confusion_matrix(path, confusion, data.classes, title))

        batches = data.split(report.split).batches(100)
        shown = branches.first_of_classes(batches, 10)
        maps = []
        for side in self.networks["classifier"].feature_maps(shown):
            maps.append(ops.convert_to_numpy(ops.cast(side, "float32")))
        strongest = branches.strongest_maps(maps)
        path = run_dir / "feature_maps.png"
        title = "Strongest feature maps"
        images = shown.astype("uint8")
        written.append(branches.feature_maps(path, images, strongest, title))

        weights = branches.logged_branch_weights(run_dir)
        if weights:
            path = run_dir / "branch_weights.png"
            written.append(branches.branch_weights(path, weights, "Weights of side outputs"))
        return written

    def signatures(self, data: ClassificationData) -> dict[str, Signature]:
        """`classify` and `embed`, from the bytes of images of any size."""
        import tensorflow as tf

        from tfvse.export.graph import map_images

        classifier = self.networks["classifier"]
        framing = data.framing
        names = tf.constant(data.classes)

        def central(encoded: Tensor) -> Tensor:
            """An image file, string scalar → its central part, float32 [H, W, 3]."""
            return framing.central(framing.decode(encoded))

        def seen(image: Tensor) -> Tensor:
            """Image files, string [B] → what the network sees, float32 [B, H, W, 3]."""
            pixels = map_images(central, image)
            return tf.ensure_shape(pixels, [None, *framing.seen, 3])

        def classify(image: Tensor) -> dict[str, Tensor]:
            """Image files, string [B] → every class by falling probability."""
            logits = classifier(seen(image), training=False)
            best = tf.math.top_k(tf.nn.softmax(logits), len(data.classes))
            return {
                "classes": tf.gather(names, best.indices),
                "probabilities": best.values,
            }

        def embed(image: Tensor) -> dict[str, Tensor]:
            """Image files, string [B] → float32 [B, d] features under the classifier."""
            features = classifier.embed(seen(image))
            return {"embedding": tf.cast(features, tf.float32)}

        inputs = {"image": ("string", (None,))}
        example = {"image": _example_files(data)}
        return {
            "classify": Signature(classify, inputs, example),
            "embed": Signature(embed, inputs, example),
        }

    def litert_models(self, data: ClassificationData) -> dict[str, LiteRTModel]:
        """The classifier, float32 [1, H, W, 3] → logits, measured by its error rate."""
        from tfvse.export.litert import LiteRTModel
        from tfvse.metrics import classification as metrics

        train = data.split("train")
        held_out = data.split(data.held_out_split)
        measured = min(LITERT_IMAGES, len(held_out))
        images, labels = held_out.read(np.arange(measured))

        def error_rate(run: Callable[[np.ndarray], np.ndarray]) -> tuple[str, float]:
            """The metric of `LiteRTModel`."""
            predictions = metrics.predictions(run(images))
            confusion = metrics.confusion_matrix(predictions, labels)
            return "error rate (%)", 100 * float(metrics.error_rate(confusion))

        classifier = self.networks["classifier"]
        calibrating = min(CALIBRATION_IMAGES, len(train))
        calibration, _ = train.read(np.arange(calibrating))
        return {
            "classifier": LiteRTModel(
                function=lambda image: classifier(image, training=False),
                shape=images.shape[1:],
                representative=calibration,
                metric=error_rate,
            )
        }


def _example_files(data: ClassificationData) -> np.ndarray:
    """PNG bytes of two images, one of them at twice its size: object array [2]."""
    import tensorflow as tf

    images, _ = data.split(data.held_out_split).read(np.arange(2))
    small, other = images
    height, width, _ = other.shape
    large = tf.image.resize(other, (2 * height, 2 * width))
    files = []
    for image in (small, large):
        encoded = tf.io.encode_png(tf.cast(image, tf.uint8))
        files.append(encoded.numpy())
    return np.array(files, object)
