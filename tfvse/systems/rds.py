"""RDS, relaxed deep supervision for edges: chapter 3 of Liu's thesis; Liu and Lew, CVPR 2016.

The network is HED's. What each side output learns differs: it ignores pixels that a simple detector
(Canny, structured edges, gPb) calls edges and people do not (eqs. 3.1, 3.2 and 3.4). The early
sides ignore the most, since their detector is the finest; the late ones ignore few. The fused
output learns the truth alone (eq. 3.3). Edges weigh α = 9 times as much as the rest in every image.

    thesis                       here
    C^(k), S^(k)                 batch "responses"[..., k - 1], what the simple detector found
    R^(k)     (eqs 3.1, 3.2)     losses.edges.relaxed_labels
    l_side    (eq. 3.4)          losses "side 1" … "side 5": losses.edges.weighted_cross_entropy
    l_fuse    (eq. 3.3)          loss "fused", of the same form
    α, β                         positive, negative

`--supervision` says which sides have a loss: all five; "early" (1 to 3) or "late" (4 and 5), table
3.2; or "none", the fused output alone. That is Baseline 1, and the loss of the pre-training on
coarse edges (eq. 3.6). `--relaxed=none --supervision=all` is Baseline 2.

Two stages are two runs: pre-training, then this one with `--start_from=<its run folder>`.

Numbers to reach (tables 3.1 and 3.2; BSDS500's test split):

                           ODS     OIS     AP
    Baseline 1             .762    .782    .766
    Baseline 2             .780    .802    .786
    RDS(Canny)             .785    .803    .813
    RDS(SE)                .787    .804    .817
    RDS(gPb)               .786    .803    .814
    coarse edges alone     .765    .785    .724
    RDS(Canny) + CEA       .790    .809    .819
    RDS(SE) + CEA          .792    .810    .818
    RDS(SE) early          .770    .795    .778
    RDS(SE) late           .780    .801    .785
"""

from __future__ import annotations

import dataclasses

from tfvse.config import setting
from tfvse.losses.edges import relaxed_labels, weighted_cross_entropy
from tfvse.systems.base import Batch, Logs, Losses
from tfvse.systems.edges import EdgeConfig, EdgeDetector

# --supervision → the sides that have a loss, table 3.2.
SUPERVISED = {
    "all": (1, 2, 3, 4, 5),
    "early": (1, 2, 3),
    "late": (4, 5),
    "none": (),
}


@dataclasses.dataclass(frozen=True)
class RDSConfig(EdgeConfig):
    """Settings of RDS; the defaults are those of RDS(Canny)."""

    relaxed: str = setting(
        "canny",
        "detector of relaxed labels; edge_map: those that --edge_maps gave",
        choices=("none", "canny", "edge_map"),
    )
    dilation: int = setting(
        1, "pixels by which the edges that training learns are dilated", low=0, high=10
    )
    supervision: str = setting(
        "all", "side outputs that have a loss of their own", choices=tuple(SUPERVISED)
    )
    positive: float = setting(9.0, "α, weight of edge pixels", low=0.0)
    negative: float = setting(1.0, "β, weight of the others", low=0.0)


class RDS(EdgeDetector):
    """HED's network with relaxed labels for its side outputs (Liu and Lew, 2016)."""

    Config = RDSConfig

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """Eq. 3.3: relaxed labels for the supervised sides, the truth for the fused output."""
        weights = (self.config.positive, self.config.negative)
        truth = batch["edges"]
        sides, fused = self.logits(batch["image"])
        losses = {}
        for number in SUPERVISED[self.config.supervision]:
            side = sides[number - 1]
            response = batch["responses"][..., number - 1]
            relaxed = relaxed_labels(truth, response)
            losses[f"side {number}"] = weighted_cross_entropy(side, relaxed, *weights)
        losses["fused"] = weighted_cross_entropy(fused, truth, *weights)
        return losses, {}
