"""Convolutional fusion networks (CFN) for CIFAR-10/100, with the baselines of their comparison.

Paper: Y. Liu, Y. Guo, M. S. Lew. On the exploration of convolutional fusion networks for visual
recognition. MMM 2017; chapter 2 of Y. Liu's thesis, sections 2.2 and 2.4.1.

A plain CNN of three convolutional blocks ends in a 1×1 convolution and global average pooling. CFN
puts the same two layers on the CNN's two pooling layers as well. It fuses the S = 3 side outputs
with weights of their own for each of the K = 192 elements. One linear classifier follows ("early
fusion, late prediction").

    paper                 here
    S, K                  len(network.side_convolutions), CHANNELS
    f^(s) (1×1 conv)      network.feature_maps(images)[s - 1]
    g^(s)     (eq. 2.1)   side output s, the mean of f^(s) over its pixels
    g^(f)     (eq. 2.3)   network.embed(images), the fused feature
    W^(f), b^(f)          network.fusion.kernel [K, S], network.fusion.bias [K]
    CNN-A … CFN-B         --backbone=A|B with --fusion=none|sum|convolution|locally_connected
    future work (2.5)     --fusion_kernel=2|3 and --fusion=conditioned; see layers/fusion.py

Where the chapter leaves a choice, or this departs from it:
- Pooling pads below and to the right, as Caffe's rounding up does: 32 → 16 → 8. The last average is
  over 8×8.
- A side branch reads its pooling layer after dropout, since Caffe's dropout works in place on that
  layer's output. The last dropout is on the fused feature, right below the classifier, so that all
  variants are regularised alike.
- The filter of convolution fusion starts at 1/3 like that of locally-connected fusion. ReLU follows
  it too.
- --regularizer=disout takes the place of all dropout; see layers/disout.py. The chapter does not
  have it.
- Global contrast normalisation is that of the maxout paper (`layers/contrast.py`), without its ZCA
  whitening, which the chapter does not mention.
- The chapter does not describe the initial weights. Recipe and schedule are those of Network in
  Network (Lin et al., 2014), and so are the weights: a Gaussian of deviation 0.05. In brief tries
  of 150 steps at rate 0.1 CNN-A learnt from such weights and hardly from He's.
- CNN-B fell back to chance in two tries of 50 and 120 steps at rate 0.1. Its full recipe has not
  been run. It may need --clip_norm or a lower rate, which were not tried.

Numbers to reach (tables 2.2 and 2.3; error rate in percent on the 10,000 test images, after 120,000
steps; * with pad-4 crops and mirroring):

                      CNN-A  Sum-A  Conv-A  CFN-A   CNN-B  Sum-B  Conv-B  CFN-B   CNN-B*  CFN-B*
    CIFAR-10          15.57  15.33  15.19   14.73    9.28   8.84   8.68    8.27    7.34    6.77
    CIFAR-100         40.62  40.32  40.15   39.54   31.89  31.42  31.16   30.68
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import layers

from tfvse.config import setting
from tfvse.layers.contrast import GlobalContrastNormalization
from tfvse.layers.disout import REGULARIZERS
from tfvse.layers.fusion import make_fusion
from tfvse.systems.base import Tensor
from tfvse.systems.classification import ClassificationConfig, ClassificationSystem
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    from tfvse.data.kinds.classification import ClassificationData

CHANNELS = 192  # of every 1×1 convolution, K
INITIAL_DEVIATION = 0.05  # of convolutions and the classifier


def _convolution(filters: int, kernel: int) -> layers.Conv2D:
    """A convolution of size `kernel`² with ReLU that keeps height and width."""
    return layers.Conv2D(
        filters, kernel, padding="same", activation="relu", kernel_initializer=_gaussian()
    )


def _gaussian() -> keras.initializers.Initializer:
    """The initial weights of one layer; each layer needs its own, since it has one seed."""
    return keras.initializers.RandomNormal(stddev=INITIAL_DEVIATION)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A column of table 2.1: three blocks of convolutions.

    Attributes:
      kernel: height and width of the convolutions.
      depth: convolutions of a block.
      channels: filters of each block.
    """

    kernel: int
    depth: int
    channels: tuple[int, int, int]


BACKBONES = {
    "A": Backbone(5, 1, (64, 64, 64)),
    "B": Backbone(3, 2, (96, 192, 192)),
}


@dataclasses.dataclass(frozen=True)
class Config(ClassificationConfig):
    """CFN: side branches of a plain CNN, fused with adaptive weights."""

    system: str = setting("cfn", "the method", choices=("cfn",))
    data: str = setting("cifar10", "the data set: a name in tfvse.data.DATASETS")
    batch_size: int = setting(100, "global batch size, over all replicas", low=1)
    backbone: str = setting("A", "column of table 2.1", choices=tuple(BACKBONES))
    first_channels: int = setting(
        0, "filters of the first block; 0: as in table 2.1. 192 for B on CIFAR-100", low=0
    )
    schedule: str = setting("step", "how the rate falls", choices=("constant", "step", "linear"))
    drop_at: tuple[float, ...] = setting(
        (100_000,),
        "step: where the rate is divided by ten; fractions of training, or steps where above 1",
        low=0.0,
    )
    decay_from: float = setting(
        0.5, "linear: fraction of training after which the rate falls to 0", low=0.0, high=1.0
    )


class FusionNetwork(keras.Model):
    """Table 2.1's CNN with the side branches and the fusion module of figure 2.6.

    float [B, H, W, 3] in 0 … 255 → float32 logits [B, classes].

    Args:
      backbone: column of table 2.1.
      fusion: module of `tfvse.layers.fusion`; None: the plain CNN.
      classes: number of classes.
      first_channels: filters of the first block; 0: as in `backbone`.
      dropout: fraction of the features that is disturbed in training.
      regularize: class of the layers that disturb them, one of `REGULARIZERS`.
    """

    def __init__(
        self,
        backbone: Backbone,
        fusion: keras.Layer | None,
        classes: int,
        first_channels: int = 0,
        dropout: float = 0.5,
        regularize: Callable[..., keras.Layer] = layers.Dropout,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.normalization = GlobalContrastNormalization()
        channels = (first_channels or backbone.channels[0], *backbone.channels[1:])
        self.blocks = [self._block(filters, backbone) for filters in channels]
        self.pools = [
            layers.MaxPooling2D(3, 2, padding="same"),
            layers.AveragePooling2D(3, 2, padding="same"),
        ]
        self.pool_dropouts = [regularize(dropout) for _ in self.pools]

        branches = len(self.blocks) if fusion else 1
        self.side_convolutions = [_convolution(CHANNELS, 1) for _ in range(branches)]
        self.average = layers.GlobalAveragePooling2D()
        self.fusion = fusion
        self.dropout = regularize(dropout, dtype="float32")
        self.head = layers.Dense(classes, kernel_initializer=_gaussian(), dtype="float32")

    def _block(self, filters: int, backbone: Backbone) -> keras.Sequential:
        """A block of convolutions with `filters` each."""
        convolutions = []
        for _ in range(backbone.depth):
            convolutions.append(_convolution(filters, backbone.kernel))
        return keras.Sequential(convolutions)

    def feature_maps(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """What each side branch averages, lowest branch first.

        Args:
          images: float [B, H, W, 3] in 0 … 255.
          training: whether features are disturbed.

        Returns:
          float [B, h, w, K] for each branch, h = H/2, H/4, H/4. The plain CNN has the main branch
          alone.
        """
        hidden = self.normalization(images)
        outputs = []
        *lower, last = self.blocks
        for block, pool, dropout in zip(lower, self.pools, self.pool_dropouts, strict=True):
            hidden = pool(block(hidden))
            hidden = dropout(hidden, training=training)
            outputs.append(hidden)
        outputs.append(last(hidden))

        read = outputs[-len(self.side_convolutions) :]
        sides = zip(self.side_convolutions, read, strict=True)
        return [side(output) for side, output in sides]

    def embed(self, images: Tensor, training: bool = False) -> Tensor:
        """The fused feature g^(f); of the plain CNN its average-pooled feature.

        Args:
          images: float [B, H, W, 3] in 0 … 255.
          training: whether features are disturbed.

        Returns:
          float [B, K].
        """
        feature_maps = self.feature_maps(images, training)
        side_outputs = [self.average(maps) for maps in feature_maps]
        if self.fusion is None:
            return side_outputs[0]
        return self.fusion(side_outputs)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        """float [B, H, W, 3] in 0 … 255 → float32 logits [B, classes]."""
        feature = self.embed(images, training)
        return self.head(self.dropout(feature, training=training))


class CFN(ClassificationSystem):
    """Trains a `FusionNetwork` in one stage of SGD."""

    Config = Config

    def make_classifier(self, data: ClassificationData) -> FusionNetwork:
        """A new `FusionNetwork` for the classes of the data."""
        config = self.config
        return FusionNetwork(
            BACKBONES[config.backbone],
            make_fusion(config.fusion, config.fusion_kernel),
            len(data.classes),
            config.first_channels,
            config.dropout,
            REGULARIZERS[config.regularizer],
        )

    def stages(self) -> tuple[Stage, ...]:
        """One stage of SGD over the whole classifier."""
        config = self.config
        return self.stage_of(config.optimizer_settings(), {})
