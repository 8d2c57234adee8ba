"""FCFN for edges, and HED: chapter 2, section 2.3.2 of Liu's thesis; Xie and Tu, ICCV 2015.

VGG-16 gives five side outputs, each supervised by itself; their fusion is supervised too. HED fuses with one weight for
each side output, FCFN with one for each side output and pixel (eq. 2.10). The loss is eqs. 2.11 to 2.13.

Chosen here, where the chapter is silent: side outputs learn at 0.01 and HED's fusion at 0.001 of the rate, the figures
of HED's published training; sizes other than the trained one get resized weights (`GridFusion`). An LC weight belongs
to a single pixel, so at the fusion's common rate it hardly moves from 0.2 (its gradient is that of one pixel, not of
all): `--fusion_rate` is a setting for that reason.

Numbers to reach (table 2.8; BSDS500's test split): HED .780 ODS, .802 OIS, .786 AP; FCFN .784, .806, .788.
"""

from __future__ import annotations

import dataclasses

from tfvse.config import setting
from tfvse.losses.edges import balanced_cross_entropy
from tfvse.systems.base import Batch, Logs, Losses
from tfvse.systems.edges import EdgeConfig, EdgeDetector


@dataclasses.dataclass(frozen=True)
class FCFNEdgesConfig(EdgeConfig):
    """Settings of FCFN for edges."""

    fusion: str = setting(
        "locally_connected", "FCFN; convolution: HED", choices=("convolution", "locally_connected")
    )


class FCFNEdges(EdgeDetector):
    """See the module's docstring."""

    Config = FCFNEdgesConfig

    @property
    def fusion(self) -> str:
        """--fusion."""
        return self.config.fusion

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """Eqs. 2.11 to 2.13: the balanced cross-entropy of every side output and of the fused one."""
        sides, fused = self.logits(batch["image"])
        losses = {}
        for number, side in enumerate(sides, start=1):
            losses[f"side {number}"] = balanced_cross_entropy(side, batch["edges"])
        losses["fused"] = balanced_cross_entropy(fused, batch["edges"])
        return losses, {}
