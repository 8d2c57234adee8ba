"""The networks of edge detectors above VGG-16: five side outputs, and their fusion."""

from collections.abc import Sequence
from typing import Any

import keras

from tfvse.layers.fusion import ConvolutionFusion, GridFusion
from tfvse.layers.upsampling import upsample
from tfvse.systems.base import Tensor

SIDES = 5
FUSIONS = {"convolution": ConvolutionFusion, "locally_connected": GridFusion}


class SideOutputs(keras.Model):
    """One 1x1 convolution for each block of VGG-16, brought to the image's size.

    Its weights start at 0 (sections 2.4.5 and 3.4.1 of Y. Liu's thesis).
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.scores = [self._score(number) for number in range(1, SIDES + 1)]

    def _score(self, number: int) -> keras.layers.Conv2D:
        """The convolution of one side output, counted from 1."""
        return keras.layers.Conv2D(
            1, 1, kernel_initializer="zeros", dtype="float32", name=f"side{number}"
        )

    def call(self, blocks: Sequence[Tensor]) -> list[Tensor]:
        """Scores every block.

        Args:
          blocks: five float [B, h, w, c], the first of the image's size.

        Returns:
          Five float32 [B, H, W, 1], logits.
        """
        finest, *coarser = blocks
        first, *others = self.scores
        sides = [first(finest)]
        for score, block in zip(others, coarser, strict=True):
            sides.append(upsample(score(block), sides[0]))
        return sides


class SideFusion(keras.Model):
    """Fuses five side outputs; every weight starts at 0.2, the mean of the sides.

    Args:
      fusion: "convolution" (HED: five weights) or "locally_connected" (eq. 2.10 of Y. Liu's
        thesis: five weights for each pixel of the size that it is built with). At other sizes the
        weights are resized, see `GridFusion`.
    """

    def __init__(self, fusion: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.fusion = FUSIONS[fusion](activation=None, dtype="float32")

    def call(self, sides: Sequence[Tensor]) -> Tensor:
        """Five float32 [B, H, W, 1] → float32 [B, H, W, 1], logits."""
        return self.fusion(sides)
