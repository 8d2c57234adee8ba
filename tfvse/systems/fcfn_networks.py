"""The networks of FCFN and FCN-8s: class scores of three strides, and their fusion.

Symbols and equations are those of `tfvse.systems.fcfn`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tfvse.layers.fusion import GridFusion
from tfvse.layers.upsampling import upsample
from tfvse.layers.vgg import VGG16Features
from tfvse.systems.base import Tensor


def _sum() -> layers.Add:
    """The fusion of FCN-8s."""
    return layers.Add(dtype="float32")


def _locally_connected() -> GridFusion:
    """The fusion of FCFN (eqs 2.7 and 2.8)."""
    return GridFusion(activation="linear", dtype="float32")


FUSIONS = {"sum": _sum, "locally_connected": _locally_connected}


class ScoreNetwork(keras.Model):
    """The class scores of three strides s = 32, 16 and 8.

    Args:
      features: convolutions of VGG-16.
      classes: number of classes.
      head_channels: channels of fc6 and fc7.
      head_kernel: height and width of fc6's kernel.
      dropout: fraction of the outputs of fc6 and fc7 that is dropped in training.
    """

    def __init__(
        self,
        features: VGG16Features,
        classes: int,
        head_channels: int = 4096,
        head_kernel: int = 7,
        dropout: float = 0.5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.features = features
        self.pool = layers.MaxPooling2D(2, padding="same")
        self.convolutions = [
            _convolution(head_channels, head_kernel, "fc6"),
            _convolution(head_channels, 1, "fc7"),
        ]
        self.dropouts = [layers.Dropout(dropout) for _ in self.convolutions]
        self.scorers = [
            _scorer(classes, "score_top"),
            _scorer(classes, "score_pool4"),
            _scorer(classes, "score_pool3"),
        ]

    def call(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """Scores every class at three strides.

        Args:
          images: float [B, H, W, 3] in 0 … 255, of any size.
          training: whether outputs of fc6 and fc7 are dropped.

        Returns:
          float32 [B, ⌈H/s⌉, ⌈W/s⌉, classes] for s = 32, 16 and 8.
        """
        *_, block3, block4, block5 = self.features(images)
        pool3 = self.pool(block3)
        pool4 = self.pool(block4)
        top = self.pool(block5)
        for convolution, dropout in zip(self.convolutions, self.dropouts, strict=True):
            top = dropout(convolution(top), training=training)

        scores = []
        for scorer, maps in zip(self.scorers, (top, pool4, pool3), strict=True):
            scores.append(scorer(maps))
        return scores


class ScoreFusion(keras.Model):
    """Two stages of fusion, of the scores at strides 32 and 16, then of these with stride 8.

    Args:
      fusion: name in `FUSIONS`.
    """

    def __init__(self, fusion: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.stages = [FUSIONS[fusion]() for _ in range(2)]

    def call(self, scores: Sequence[Tensor]) -> Tensor:
        """Fuses what `ScoreNetwork` gives.

        Args:
          scores: float32 [B, h, w, C] for C classes, at the strides 32, 16 and 8.

        Returns:
          float32 of the finest of these shapes, [B, ⌈H/8⌉, ⌈W/8⌉, C].
        """
        fused, *finer_scores = scores
        for stage, finer in zip(self.stages, finer_scores, strict=True):
            fused = stage([finer, upsample(fused, finer)])
        return fused


def _convolution(
    channels: int,
    kernel: int,
    name: str,
) -> layers.Conv2D:
    """A convolution of size `kernel`² with ReLU that keeps height and width."""
    return layers.Conv2D(
        channels,
        kernel,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )


def _scorer(classes: int, name: str) -> layers.Conv2D:
    """A 1x1 convolution to class scores, which start at 0."""
    return layers.Conv2D(
        classes,
        1,
        kernel_initializer="zeros",
        dtype="float32",
        name=name,
    )
