"""Convolutional fusion networks (CFN) and the plain and fused baselines they are compared with, for CIFAR-10/100.

Paper: Y. Liu, Y. Guo, M. S. Lew. On the exploration of convolutional fusion networks for visual recognition. MMM 2017;
chapter 2 of Y. Liu's thesis, sections 2.2 and 2.4.1.

A plain CNN of three convolutional blocks ends in a 1×1 convolution and global average pooling. CFN puts the same two
layers on its two pooling layers as well, and fuses the S = 3 side outputs with weights of their own for each of the
K = 192 elements before one linear classifier ("early fusion, late prediction").

    paper                 here
    S, K                  len(network.side_convolutions), CHANNELS
    f^(s) (1×1 conv)      network.feature_maps(images)[s - 1]
    g^(s)     (eq. 2.1)   side output s, the mean of f^(s) over its pixels
    g^(f)     (eq. 2.3)   network.embed(images), the fused feature
    W^(f), b^(f)          network.fusion.kernel [K, S], network.fusion.bias [K]
    CNN-A … CFN-B         --backbone=A|B with --fusion=none|sum|convolution|locally_connected
    future work (2.5)     --fusion_kernel=2|3 and --fusion=conditioned; see layers/fusion.py

Where the chapter leaves a choice or is departed from:
- Pooling pads below and to the right, as Caffe's rounding up does: 32 → 16 → 8, and the last average is over 8×8.
- A side branch reads its pooling layer after dropout, since Caffe's dropout works in place on that layer's output; the
  last dropout is on the fused feature, right below the classifier, so that every variant is regularised alike.
- The filter of convolution fusion starts at 1/3 like that of locally-connected fusion, and is also followed by ReLU.
- --regularizer=disout, which the chapter does not know, takes the place of all dropout; see layers/disout.py.
- Global contrast normalisation is that of the maxout paper (`layers/contrast.py`), without its ZCA whitening, which the
  chapter does not mention.
- The initial weights are not described. Recipe and schedule are Network in Network's (Lin et al., 2014), so they are
  drawn as there, from a Gaussian of deviation 0.05. In brief tries of 150 steps at rate 0.1 CNN-A learnt from such
  weights and hardly from He's. CNN-B fell back to chance in two tries of 50 and 120 steps at rate 0.1; its full recipe
  has not been run. What was not tried and may be needed there: --clip_norm, or a lower rate.

Numbers to reach (tables 2.2 and 2.3; error rate in percent on the 10,000 test pictures, after 120,000 steps; * with
pad-4 crops and mirroring):

                      CNN-A  Sum-A  Conv-A  CFN-A   CNN-B  Sum-B  Conv-B  CFN-B   CNN-B*  CFN-B*
    CIFAR-10          15.57  15.33  15.19   14.73    9.28   8.84   8.68    8.27    7.34    6.77
    CIFAR-100         40.62  40.32  40.15   39.54   31.89  31.42  31.16   30.68
"""

from __future__ import annotations

import dataclasses

import keras
from keras import layers

from tfvse.config import setting
from tfvse.layers.contrast import GlobalContrastNormalization
from tfvse.layers.disout import REGULARIZERS
from tfvse.layers.fusion import make_fusion
from tfvse.systems.classification import ClassificationConfig, ClassificationSystem

CHANNELS = 192  # of every 1×1 convolution, K
INITIAL_DEVIATION = 0.05  # of convolutions and the classifier


def _convolution(filters, kernel):
    return layers.Conv2D(
        filters, kernel, padding="same", activation="relu", kernel_initializer=_gaussian()
    )


def _gaussian():
    return keras.initializers.RandomNormal(
        stddev=INITIAL_DEVIATION
    )  # one for each layer: an initializer has one seed


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A column of table 2.1: three blocks of `depth` convolutions of `kernel`², with `channels` filters each."""

    kernel: int
    depth: int
    channels: tuple[int, int, int]


BACKBONES = {"A": Backbone(5, 1, (64, 64, 64)), "B": Backbone(3, 2, (96, 192, 192))}


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
    schedule: str = setting(
        "step",
        "step: tenfold lower at --drop_at; linear: falls to 0 from --decay_from on",
        choices=("step", "linear"),
    )
    drop_at: int = setting(100_000, "step at which the learning rate is divided by 10", low=1)
    decay_from: float = setting(
        0.5, "fraction of the steps before the rate begins to fall", low=0.0, high=1.0
    )


class FusionNetwork(keras.Model):
    """Table 2.1's CNN with the side branches and fusion module of figure 2.6.

    Float [B, H, W, 3] pictures of 0…255 to float32 logits [B, classes].
    """

    def __init__(
        self,
        backbone,
        fusion,
        classes,
        first_channels=0,
        dropout=0.5,
        regularize=layers.Dropout,
        **kwargs,
    ):
        """Args: `Backbone`; module of `layers/fusion.py` or None; classes; two as in `Config`; one of REGULARIZERS."""
        super().__init__(**kwargs)
        channels = (first_channels or backbone.channels[0], *backbone.channels[1:])
        self.normalization = GlobalContrastNormalization()
        self.blocks = [
            keras.Sequential(
                [_convolution(filters, backbone.kernel) for _ in range(backbone.depth)]
            )
            for filters in channels
        ]
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

    def feature_maps(self, images, training=False):
        """What each side branch averages, lowest branch first: float [B, h, w, K], h = H/2, H/4, H/4.

        The plain CNN has the main branch alone.
        """
        hidden, outputs = self.normalization(images), []
        for block, pool, dropout in zip(
            self.blocks[:-1], self.pools, self.pool_dropouts, strict=True
        ):
            hidden = dropout(pool(block(hidden)), training=training)
            outputs.append(hidden)
        outputs.append(self.blocks[-1](hidden))
        branches = len(self.side_convolutions)
        return [
            side(output)
            for side, output in zip(self.side_convolutions, outputs[-branches:], strict=True)
        ]

    def embed(self, images, training=False):
        """The fused feature g^(f), float [B, K]; of the plain CNN its average-pooled feature."""
        side_outputs = [self.average(maps) for maps in self.feature_maps(images, training)]
        return side_outputs[0] if self.fusion is None else self.fusion(side_outputs)

    def call(self, images, training=False):
        return self.head(self.dropout(self.embed(images, training), training=training))


class CFN(ClassificationSystem):
    """Trains a `FusionNetwork` in one stage of SGD."""

    Config = Config

    def make_classifier(self, data):
        config = self.config
        fusion, regularize = (
            make_fusion(config.fusion, config.fusion_kernel),
            REGULARIZERS[config.regularizer],
        )
        classes, backbone = len(data.classes), BACKBONES[config.backbone]
        return FusionNetwork(
            backbone, fusion, classes, config.first_channels, config.dropout, regularize
        )

    def stages(self):
        """One stage of SGD over the whole classifier."""
        config = self.config
        schedule = {"boundaries": (config.drop_at,), "decay_from": config.decay_from}
        return self.stage_of(config.sgd(schedule=config.schedule, **schedule), {})
