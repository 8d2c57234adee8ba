"""CFN-11 and CFN-19 for ImageNet, with CNN, DSN and ResNet of the same depth to compare them with.

Paper: Y. Liu, Y. Guo, M. S. Lew. On the exploration of convolutional fusion networks for visual
recognition. MMM 2017; chapter 2 of Y. Liu's thesis, section 2.4.2 and figures 2.9 to 2.11. `cfn.py`
has the method itself and CIFAR.

    paper                                       here
    CNN-11, DSN-11, ResNet-11, CFN-11, …        --model=cnn|dsn|resnet|cfn with --depth=11|19
    S = 4, K                                    the stages of convolutions, CHANNELS
    side branches (figure 2.9)                  network.side_convolutions, on all poolings but the
                                                first
    g^(f), 1024-d                               network.embed(images)
    intermediate predictions (figure 2.10)      network.predictions(images), their losses "side 1"
                                                to "side 3"
    residual connections (figure 2.11)          network.shortcuts, around each pair of convolutions

The text gives layers, channels (64 to 1024), S and parameters; the figures are drawings. So the
networks are built to these numbers. Eleven layers are four residual connections around pairs of
convolutions, one convolution before them, one 1×1 convolution and the classifier. Each stage begins
with a pooling; the last three poolings have side branches. Widths that double, 64, 128, 256 and
512, come to both numbers of the paper (trainable parameters, 1,000 classes):

    CNN-11                6,283,304             (paper ~6.3 M)    CNN-19          12,554,024
    CFN-11 adds             470,016             (paper ~0.5 M)    CFN-19 adds        470,016
    DSN-11 adds           3,539,896                               ResNet-11 adds     173,824

CNN-19 has four convolutions in a stage. The first convolution is 7×7 with stride 2 and the poolings
are 3×3 with stride 2, as in GoogLeNet: 224 → 112 → 56 → 28 → 14 → 7.

Where the chapter leaves a choice, or this departs from it:
- "Weights and biases following GoogLeNet": Glorot's uniform weights. Batch normalisation follows
  every convolution, also the linear ones of residual connections; its offset is the bias. Its
  running mean keeps 0.9 of the past.
- The mean image is that of the central crops of up to 5,000 training images, evenly spaced. Pixels
  are not scaled.
- The network sees a test image once, by its central crop. The chapter does not say how.
- DSN's side branches end in a 1×1 convolution, average pooling and a classifier each. The losses
  are added up with weight 1 (--side_weight), as equation 2.13 of the chapter adds them.
- ResNet-11 keeps the main branch of CNN-11. ReLU follows the addition. Residual connections begin
  behind the pooling.
- The chapter does not mention dropout. --dropout, here 0, is that of the feature right below the
  classifier.

Numbers to reach (table 2.4; error rate in percent on the 50,000 validation images, after 200,000
steps of 64):

              CNN-11   DSN-11   ResNet-11   CFN-11   CNN-19   CFN-19
    top-1     43.11    42.24    43.02       41.96    36.99    35.47
    top-5     19.91    19.24    19.85       19.09    14.74    13.93

Nothing of this has been run on ImageNet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.disout import REGULARIZERS
from tfvse.layers.fusion import make_fusion
from tfvse.layers.normalization import batch_normalization
from tfvse.layers.pixel_mean import PixelMean
from tfvse.losses.classification import softmax_cross_entropy
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.classification import ClassificationConfig, ClassificationSystem
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.classification import ClassificationData, ClassificationSplit

WIDTHS = (64, 128, 256, 512)  # filters of the four stages
CHANNELS = 1024  # of every 1×1 convolution before an average, K
PAIRS = {11: 1, 19: 2}  # depth → pairs of convolutions in a stage
MEAN_IMAGES = 5_000  # of which the mean image is taken, at most
_AT_ONCE = 100  # images that are read at once


@dataclasses.dataclass(frozen=True)
class Config(ClassificationConfig):
    """CFN at the size of ImageNet, and the CNN, DSN and ResNet of its comparison."""

    system: str = setting("cfn_imagenet", "the method", choices=("cfn_imagenet",))
    data: str = setting("imagenet", "the data set: a name in tfvse.data.DATASETS")
    batch_size: int = setting(64, "global batch size, over all replicas", low=1)
    model: str = setting(
        "cfn",
        "network of figures 2.9 to 2.11, or the plain cnn",
        choices=("cnn", "cfn", "dsn", "resnet"),
    )
    depth: int = setting(11, "layers with weights from image to classes", choices=tuple(PAIRS))
    augment: bool = setting(True, "train on random crops, half of them mirrored")
    resize_to: int = setting(256, "height and width that images are scaled to", low=16)
    crop: int = setting(224, "height and width of the part that the network sees", low=16)
    dropout: float = setting(
        0.0, "fraction of the feature that --regularizer disturbs", low=0.0, high=0.99
    )
    learning_rate: float = setting(0.01, "of SGD, at the start", low=0.0)
    schedule: str = setting("step", "how the rate falls", choices=("constant", "step", "linear"))
    drop_at: tuple[float, ...] = setting(
        (100_000, 150_000),
        "step: where the rate is divided by ten; fractions of training, or steps where above 1",
        low=0.0,
    )
    side_weight: float = setting(1.0, "dsn: weight of the loss of each side branch", low=0.0)

    def check(self) -> None:
        """Raises `UserError` for a fusion network without fusion."""
        super().check()
        if self.model == "cfn" and self.fusion == "none":
            raise UserError(
                "--fusion=none: --model=cfn needs a fusion module; for the plain network write "
                "--model=cnn"
            )


def _normalized_convolution(
    filters: int,
    kernel: int,
    strides: int = 1,
) -> keras.Sequential:
    """A linear convolution of size `kernel`² and its batch normalisation."""
    convolution = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)
    return keras.Sequential([convolution, batch_normalization(momentum=0.9)])


def _pairs(width: int, count: int) -> list[list[keras.Sequential]]:
    """The convolutions of a stage: `count` pairs of `width` filters each."""
    pairs = []
    for _ in range(count):
        first = _normalized_convolution(width, 3)
        second = _normalized_convolution(width, 3)
        pairs.append([first, second])
    return pairs


class Network(keras.Model):
    """The convolutional network of `depth` layers and what `model` adds to it.

    float [B, H, W, 3] in 0 … 255 → float32 logits [B, classes]. The first call sets H and W.

    Args:
      model: "cnn", "cfn", "dsn" or "resnet".
      depth: 11 or 19.
      classes: number of classes.
      fusion: module of `tfvse.layers.fusion`, for "cfn".
      dropout: fraction of the feature below the classifier that is disturbed in training.
      regularize: class of the layer that disturbs it, one of `REGULARIZERS`.
    """

    def __init__(
        self,
        model: str,
        depth: int,
        classes: int,
        fusion: keras.Layer | None = None,
        dropout: float = 0.0,
        regularize: Callable[..., keras.Layer] = layers.Dropout,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.pixel_mean = PixelMean()
        self.stem = _normalized_convolution(WIDTHS[0], 7, 2)
        self.pools = [layers.MaxPooling2D(3, 2, padding="same") for _ in WIDTHS]
        self.pairs = [_pairs(width, PAIRS[depth]) for width in WIDTHS]
        # The first stage keeps the channels of the stem, and needs no convolution around it.
        linear = [layers.Identity()]
        for width in WIDTHS[1:]:
            linear.append(_normalized_convolution(width, 1))
        self.shortcuts = linear if model == "resnet" else None

        branches = len(WIDTHS) if model in ("cfn", "dsn") else 1
        self.side_convolutions = [_normalized_convolution(CHANNELS, 1) for _ in range(branches)]
        self.average = layers.GlobalAveragePooling2D()
        self.fusion = fusion
        self.dropout = regularize(dropout, dtype="float32")
        heads = branches if model == "dsn" else 1
        self.heads = [layers.Dense(classes, dtype="float32") for _ in range(heads)]

    def _stage(
        self,
        number: int,
        hidden: Tensor,
        training: bool,
    ) -> Tensor:
        """The pairs of convolutions of a stage, [B, h, w, c] → [B, h, w, its width]."""
        for place, (first, second) in enumerate(self.pairs[number]):
            inner = ops.relu(first(hidden, training=training))
            inner = second(inner, training=training)
            if self.shortcuts:
                around = hidden
                if place == 0:
                    around = self.shortcuts[number](hidden, training=training)
                inner = inner + around
            hidden = ops.relu(inner)
        return hidden

    def feature_maps(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """What each branch averages, lowest branch first.

        Args:
          images: float [B, H, W, 3] in 0 … 255.
          training: whether batch normalisation follows the batch.

        Returns:
          float [B, h, w, K] for each branch, h = H/8, H/16, H/32, H/32. Models without side
          branches have the main branch alone.
        """
        hidden = self.stem(self.pixel_mean(images), training=training)
        hidden = ops.relu(hidden)
        pooled = []
        for number, pool in enumerate(self.pools):
            hidden = pool(hidden)
            pooled.append(hidden)
            hidden = self._stage(number, hidden, training)

        outputs = [*pooled[1:], hidden]
        read = outputs[-len(self.side_convolutions) :]
        maps = []
        for side, output in zip(self.side_convolutions, read, strict=True):
            maps.append(ops.relu(side(output, training=training)))
        return maps

    def side_outputs(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """The average of every branch's maps, float [B, K] each, the main branch last."""
        feature_maps = self.feature_maps(images, training)
        return [self.average(maps) for maps in feature_maps]

    def embed(self, images: Tensor, training: bool = False) -> Tensor:
        """The fused feature, float [B, K]; of other models the main branch's average."""
        side_outputs = self.side_outputs(images, training)
        if self.fusion is None:
            return side_outputs[-1]
        return self.fusion(side_outputs)

    def predictions(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """Logits float32 [B, classes]: of every branch of "dsn", the main one last; else one."""
        features = self.side_outputs(images, training)
        if self.fusion is not None:
            features = [self.fusion(features)]
        logits = []
        for head, feature in zip(self.heads, features, strict=True):
            seen = self.dropout(feature, training=training)
            logits.append(head(seen))
        return logits

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        """float [B, H, W, 3] in 0 … 255 → the main branch's logits, float32 [B, classes]."""
        return self.predictions(images, training)[-1]


class CFNImageNet(ClassificationSystem):
    """Trains a `Network` in one stage of SGD whose rate falls twice."""

    Config = Config

    def make_classifier(self, data: ClassificationData) -> Network:
        """A new `Network` for the classes of the data."""
        config = self.config
        fusion = None
        if config.model == "cfn":
            fusion = make_fusion(config.fusion, config.fusion_kernel)
        return Network(
            config.model,
            config.depth,
            len(data.classes),
            fusion,
            config.dropout,
            REGULARIZERS[config.regularizer],
        )

    def build(self, data: ClassificationData) -> None:
        """Makes the classifier and gives it the mean image of the training split."""
        super().build(data)
        pixel_mean = self.networks["classifier"].pixel_mean
        pixel_mean.mean.assign(mean_image(data.split("train")))

    def stages(self) -> tuple[Stage, ...]:
        """One stage of SGD whose rate falls twice; side losses have a weight of their own."""
        config = self.config
        optimizer = config.optimizer_settings()
        sides = range(1, len(self.networks["classifier"].heads))
        weights = {f"side {number}": config.side_weight for number in sides}
        return self.stage_of(optimizer, weights)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The family's; of "dsn", the cross-entropy of every branch, the main one last."""
        if self.config.model != "dsn":
            return super().losses(batch)
        classifier = self.networks["classifier"]
        predictions = classifier.predictions(batch["image"], training=True)
        losses = {}
        for number, logits in enumerate(predictions, start=1):
            name = f"side {number}" if number < len(predictions) else "cross_entropy"
            losses[name] = ops.mean(softmax_cross_entropy(logits, batch["label"]))
        return losses, {}


def mean_image(split: ClassificationSplit) -> np.ndarray:
    """The mean of up to `MEAN_IMAGES` images of a split, evenly spaced: np.float32 [H, W, 3]."""
    spaced = np.linspace(0, len(split) - 1, MEAN_IMAGES)
    rows = np.unique(spaced.astype(int))
    total = np.zeros(())
    for start in range(0, len(rows), _AT_ONCE):
        images, _ = split.read(rows[start : start + _AT_ONCE])
        total = total + images.sum(axis=0, dtype=np.float64)
    return (total / len(rows)).astype("float32")
