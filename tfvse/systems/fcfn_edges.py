"""FCFN for edges, and HED: chapter 2, section 2.3.2 of Liu's thesis; Xie and Tu, ICCV 2015.

VGG-16 gives five side outputs, and each has a loss of its own. Their fusion has a loss too. HED
fuses with one weight for each side output, FCFN with one for each side output and pixel (eq. 2.10).
The loss is eqs. 2.11 to 2.13.

    thesis                        here
    g^(k), g^(f)                  `logits`: side output k and the fused one, before the sigmoid
    W^(f), b^(f)   (eq. 2.10)     networks["fusion"].fusion.kernel, .bias
    L_fuse, β_i    (eq. 2.11)     loss "fused": losses.edges.balanced_cross_entropy
    L_side^(k)     (eq. 2.12)     losses "side 1" … "side 5", the same function
    L              (eq. 2.13)     their sum

Where the chapter is silent:
- Side outputs learn at 0.01 and HED's fusion at 0.001 of the rate, the figures of HED's published
  training.
- Sizes other than the trained one get resized weights (`GridFusion`).
- A weight of locally-connected fusion belongs to a single pixel, and its gradient is that of one
  pixel, not of all. So at the fusion's common rate it hardly moves from 0.2: `--fusion_rate` is a
  setting for that reason.

Numbers to reach (table 2.8; BSDS500's test split):

            ODS     OIS     AP
    HED     .780    .802    .786
    FCFN    .784    .806    .788
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
        "locally_connected",
        "how sides are fused; convolution: HED",
        choices=("convolution", "locally_connected"),
    )


class FCFNEdges(EdgeDetector):
    """HED and, with locally connected fusion, FCFN for edges."""

    Config = FCFNEdgesConfig

    @property
    def fusion(self) -> str:
        """How side outputs are fused: --fusion."""
        return self.config.fusion

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """Eqs. 2.11 to 2.13: the balanced cross-entropy of all side outputs and the fused one."""
        sides, fused = self.logits(batch["image"])
        losses = {}
        for number, side in enumerate(sides, start=1):
            losses[f"side {number}"] = balanced_cross_entropy(side, batch["edges"])
        losses["fused"] = balanced_cross_entropy(fused, batch["edges"])
        return losses, {}
