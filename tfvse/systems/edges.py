"""The family of edge detectors: VGG-16 with five side outputs and their fusion.

Evaluation and figures are here, the networks above VGG-16 in `edge_networks.py`, export in
`edge_export.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.upsampling import resize
from tfvse.systems.base import Tensor
from tfvse.systems.dense import DenseConfig, DensePredictor, spread
from tfvse.systems.edge_networks import SideFusion, SideOutputs

if TYPE_CHECKING:
    from tfvse.data.kinds.edges import EdgeData, EdgeSplit, EdgeView
    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel
    from tfvse.export.signature import Signature
    from tfvse.layers.vgg import VGG16Features

Detector = Callable[[np.ndarray], np.ndarray]  # uint8 [H, W, 3] → float32 [H, W]
Example = tuple[str, np.ndarray, Sequence[np.ndarray]]  # name, image or edge map, drawings

SHOWN = 6  # images of a contact sheet
SAMPLES = 3  # images that show how training goes


@dataclasses.dataclass(frozen=True)
class EdgeConfig(DenseConfig):
    """Settings of every edge detector."""

    weight_decay: float = setting(2e-4, "L2 penalty of the weights, not of the biases", low=0.0)
    side_rate: float = setting(
        0.01, "learning rate of the side outputs, a factor of --learning_rate", low=0.0
    )
    fusion_rate: float = setting(
        0.001, "learning rate of the fusion, a factor of --learning_rate", low=0.0
    )
    consensus: int = setting(
        3, "annotators who must have drawn an edge that training learns", low=1
    )
    dilation: int = setting(
        0, "pixels by which the edges that training learns are dilated", low=0, high=10
    )
    relaxed: str = setting(
        "none",
        "detector of relaxed labels; edge_map: those that --edge_maps gave",
        choices=("none", "canny", "edge_map"),
    )
    scales: str = setting(
        "1", "sizes of an image, separated by commas, whose edge maps are averaged in testing"
    )
    max_distance: float = setting(
        0.0075,
        "largest distance of matched pixels, a fraction of the diagonal; 0.011 for NYUD",
        low=0.0,
        high=0.1,
    )
    thresholds: int = setting(99, "thresholds of the benchmark", low=1, high=254)
    nms: bool = setting(True, "non-maximum suppression before the benchmark")
    ceval: bool = setting(
        False, "measure crispness too, and the scores without suppression and thinning"
    )
    workers: int = setting(1, "processes of the benchmark", low=1)

    def data_view(self) -> EdgeView:
        """What training may see of the data set."""
        from tfvse.data.kinds.edges import EdgeView

        return EdgeView(
            resize_to=self.resize_to,
            patch_size=self.patch_size,
            mirror=self.mirror,
            consensus=self.consensus,
            dilation=self.dilation,
            relaxed=self.relaxed,
        )

    def check(self) -> None:
        """Raises `UserError` where --scales is not a list of numbers from 0.1 to 4."""
        super().check()
        if not all(0.1 <= scale <= 4 for scale in self.scale_factors):
            raise UserError(
                f"--scales={self.scales}: must be numbers from 0.1 to 4, such as 0.5,1,1.5"
            )

    @property
    def scale_factors(self) -> tuple[float, ...]:
        """The numbers of `scales`; (0.0,) where they are no numbers."""
        try:
            return tuple(float(word) for word in self.scales.split(","))
        except ValueError:
            return (0.0,)


class EdgeDetector(DensePredictor):
    """Owns the networks "features" (VGG-16), "sides" and "fusion".

    Members implement `losses`: how these are supervised.
    """

    Config = EdgeConfig
    data_kind = "edges"
    monitor = "ODS"
    limits = (
        "Values rank pixels; as probabilities they are not calibrated, and a threshold must be "
        "chosen for a purpose.",
        "Lines are several pixels wide: non-maximum suppression and thinning are left to the "
        "caller.",
        "What counts as an edge is what the annotators of the data set drew, not every change of "
        "brightness.",
    )

    @property
    def fusion(self) -> str:
        """How side outputs are fused, as `SideFusion` takes it."""
        return "convolution"

    def build(self, data: EdgeData) -> None:
        """Makes the networks for images of the training size; they take any size."""
        side = self.config.patch_size
        features = self.vgg16_features()
        sides = SideOutputs(name="sides")
        fusion = SideFusion(self.fusion)
        image = np.zeros((1, side, side, 3), "float32")
        fusion(sides(features(image)))
        self.networks = {"features": features, "sides": sides, "fusion": fusion}

    @property
    def backbone(self) -> VGG16Features:
        """The network "features"."""
        return self.networks["features"]

    def rates(self) -> dict[str, float]:
        """Side outputs and fusion learn at rates of their own, as in HED."""
        return {
            "features": 1.0,
            "sides": self.config.side_rate,
            "fusion": self.config.fusion_rate,
        }

    def logits(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """float32 [B, H, W, 3] in 0 … 255 → (five side outputs, the fused one), [B, H, W] each."""
        blocks = self.networks["features"](images)
        sides = self.networks["sides"](blocks)
        fused = self.networks["fusion"](sides)
        return [side[..., 0] for side in sides], fused[..., 0]

    def probabilities(self, images: Tensor) -> Tensor:
        """Edge maps averaged over --scales.

        Args:
          images: float32 [B, H, W, 3] in 0 … 255.

        Returns:
          float32 [B, H, W] in 0 … 1.
        """
        _, height, width, _ = ops.shape(images)
        maps = []
        for scale in self.config.scale_factors:
            size = (_scaled(height, scale), _scaled(width, scale))
            _, fused = self.logits(resize(images, size))
            edges = ops.sigmoid(fused)[..., None]
            maps.append(resize(edges, (height, width))[..., 0])
        return sum(maps) / len(maps)

    @functools.cached_property
    def detect(self) -> Detector:
        """Compiled for all sizes: uint8 [H, W, 3] → float32 [H, W] in 0 … 1."""
        import tensorflow as tf

        spec = [tf.TensorSpec([1, None, None, 3], tf.float32)]
        function = tf.function(self.probabilities, input_signature=spec, autograph=False)

        def detect(image: np.ndarray) -> np.ndarray:
            batch = tf.cast(image[None], tf.float32)
            return function(batch).numpy()[0]

        return detect

    def evaluate(
        self,
        data: EdgeData,
        split: str,
        work_dir: pathlib.Path | None = None,
    ) -> Report:
        """ODS, OIS, AP and R50 of the Berkeley benchmark; see `tfvse.evaluation.edges`."""
        from tfvse.evaluation import edges
        from tfvse.evaluation.report import Report

        config = self.config
        part = data.split(split)
        maps = _Detected(part, self.detect, kept=spread(len(part), SHOWN))
        result = edges.evaluate(
            maps,
            results_dir=work_dir / split if work_dir else None,
            max_distance=config.max_distance,
            thresholds=config.thresholds,
            nms=config.nms,
            ceval=config.ceval,
            workers=config.workers,
            seed=config.seed,
        )
        result = result._replace(
            protocol={**result.protocol, "scales": config.scales},
            examples={"edge_maps": maps.found},
        )
        return Report.of(self, data, split, result)

    def samples(self, data: EdgeData) -> dict[str, np.ndarray]:
        """Draws an image, its edge map and the mean of its annotators in every row.

        Returns:
          "edges" → uint8 [H, W, 3].
        """
        split = data.split(self.sample_split(data))
        columns = self._columns(split, SAMPLES, {})
        height = max(image.shape[0] for image in columns["image"])
        width = max(image.shape[1] for image in columns["image"])
        rows = []
        for images in zip(*columns.values(), strict=True):
            framed = [_framed(image, height, width) for image in images]
            rows.append(np.concatenate(framed, axis=1))
        return {"edges": np.concatenate(rows)}

    def plots(
        self,
        report: Report,
        data: EdgeData,
        run_dir: pathlib.Path,
    ) -> list[pathlib.Path]:
        """Precision against recall, and edge maps beside their images and what people drew."""
        from tfvse.figures.boundaries import precision_recall
        from tfvse.figures.contact_sheets import grid

        split = report.split
        title = f"{self.config.system} on {self.config.data}, {split}"
        edge_maps = report.examples["edge_maps"]
        columns = self._columns(data.split(split), SHOWN, edge_maps)
        curves = {}
        for name, value in report.details.items():
            if name.endswith("curve"):
                curves[name.removesuffix("curve")] = value
        return [
            grid(run_dir / f"edges-{split}.png", columns, title),
            precision_recall(run_dir / f"precision_recall-{split}.png", curves, title),
        ]

    def _columns(
        self,
        split: EdgeSplit,
        most: int,
        edge_maps: Mapping[int, np.ndarray],
    ) -> dict[str, list[np.ndarray]]:
        """Heading → uint8 [H, W, 3] images; edges are dark on white.

        Args:
          split: of the data.
          most: number of examples, evenly spread.
          edge_maps: row → float32 [H, W], those that are known already.
        """
        from tfvse.figures.boundaries import dark

        columns: dict[str, list[np.ndarray]] = {"image": [], "edge map": [], "annotators": []}
        for row in spread(len(split), most):
            _, image, drawings = split.read(row)
            edge_map = edge_maps.get(row)
            if edge_map is None:
                edge_map = self.detect(image)
            columns["image"].append(image)
            columns["edge map"].append(dark(edge_map))
            drawn = np.mean(drawings, axis=0)
            columns["annotators"].append(dark(drawn))
        return columns

    def signatures(self, data: EdgeData) -> dict[str, Signature]:
        """`predict`: image files of any size → grey PNGs of that size, white at edges."""
        from tfvse.systems import edge_export

        return {"predict": edge_export.signature(self, data)}

    def litert_models(self, data: EdgeData) -> dict[str, LiteRTModel]:
        """The detector at the training size, measured by ODS on the middles of ten images."""
        from tfvse.systems import edge_export

        return {"detector": edge_export.litert_detector(self, data)}


class _Detected:
    """(name, edge map, drawings) of a split's images, detected as they are asked for.

    Attributes:
      found: row → edge map float32 [H, W], of the rows `kept` that were asked for.
    """

    def __init__(
        self,
        split: EdgeSplit,
        detect: Detector,
        kept: np.ndarray,
    ):
        self.split = split
        self.detect = detect
        self.kept = set(kept.tolist())
        self.found: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.split)

    def __iter__(self) -> Iterator[Example]:
        for row, (name, image, drawings) in enumerate(self.split):
            edge_map = self.detect(image)
            if row in self.kept:
                self.found[row] = edge_map
            yield name, edge_map, drawings


def _scaled(side: Tensor | int, scale: float) -> Tensor | int:
    """A side of an image at another size, in whole pixels and at least 1."""
    if scale == 1:
        return side
    scaled = ops.round(ops.cast(side, "float32") * scale)
    return ops.maximum(ops.cast(scaled, "int32"), 1)


def _framed(
    image: np.ndarray,
    height: int,
    width: int,
) -> np.ndarray:
    """The image in the top left corner of a white one of [height, width, 3]."""
    framed = np.full((height, width, 3), 255, image.dtype)
    framed[: image.shape[0], : image.shape[1]] = image
    return framed
