"""The family of edge detectors: VGG-16 with five side outputs and their fusion.

Evaluation, figures and export are here. The networks above VGG-16 are in `edge_networks.py`.
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
from tfvse.export.signature import Signature
from tfvse.layers.upsampling import resize
from tfvse.systems.base import Tensor
from tfvse.systems.dense import DenseConfig, DensePredictor, spread
from tfvse.systems.edge_networks import SideFusion, SideOutputs

if TYPE_CHECKING:
    from tfvse.data.kinds.edges import EdgeData, EdgeSplit
    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel
    from tfvse.layers.vgg import VGG16Features

SHOWN = 6  # images of a contact sheet
SAMPLES = 3  # images that show how training goes
LITERT_IMAGES = 10  # that a LiteRT file is measured on
CALIBRATION_IMAGES = 50  # of the training split, from which int8 ranges are taken


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

    Class attributes:
      fusion: how side outputs are fused, as `SideFusion` takes it.
    """

    Config = EdgeConfig
    data_kind = "edges"
    monitor = "ODS"
    fusion = "convolution"
    limits = (
        "Values rank pixels; as probabilities they are not calibrated, and a threshold must be "
        "chosen for a purpose.",
        "Lines are several pixels wide: non-maximum suppression and thinning are left to the "
        "caller.",
        "What counts as an edge is what the annotators of the data set drew, not every change of "
        "brightness.",
    )

    def build(self, data: EdgeData) -> None:
        """Makes the networks for images of the training size; they take any size."""
        side = self.config.patch_size
        features = self.vgg16_features()
        sides = SideOutputs(name="sides")
        fusion = SideFusion(self.fusion)
        fusion(sides(features(np.zeros((1, side, side, 3), "float32"))))
        self.networks = {"features": features, "sides": sides, "fusion": fusion}

    @property
    def backbone(self) -> VGG16Features:
        """The network "features"."""
        return self.networks["features"]

    def rates(self) -> dict[str, float]:
        """Side outputs and fusion learn at rates of their own, as in HED."""
        return {"features": 1.0, "sides": self.config.side_rate, "fusion": self.config.fusion_rate}

    def logits(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """float32 [B, H, W, 3] in 0 … 255 → (five side outputs, the fused one), [B, H, W] each."""
        sides = self.networks["sides"](self.networks["features"](images))
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
            edges = ops.sigmoid(self.logits(resize(images, size))[1])
            maps.append(resize(edges[..., None], (height, width))[..., 0])
        return sum(maps) / len(maps)

    @functools.cached_property
    def detect(self) -> Callable[[np.ndarray], np.ndarray]:
        """Compiled for all sizes: uint8 [H, W, 3] → float32 [H, W] in 0 … 1."""
        import tensorflow as tf

        spec = [tf.TensorSpec([1, None, None, 3], tf.float32)]
        function = tf.function(self.probabilities, input_signature=spec, autograph=False)
        return lambda image: function(tf.cast(image[None], tf.float32)).numpy()[0]

    def evaluate(self, data: EdgeData, split: str, work_dir: pathlib.Path | None = None) -> Report:
        """ODS, OIS, AP and R50 of the Berkeley benchmark; see `tfvse.evaluation.edges`."""
        from tfvse.evaluation import edges
        from tfvse.evaluation.report import Report

        config = self.config
        part = data.split(split)
        maps = _Detected(part, self.detect, kept=spread(len(part), SHOWN))
        names = ("max_distance", "thresholds", "nms", "ceval", "workers", "seed")
        settings = {name: getattr(config, name) for name in names}
        counts_dir = work_dir / split if work_dir else None
        result = edges.evaluate(maps, results_dir=counts_dir, **settings)
        result = result._replace(
            protocol={**result.protocol, "scales": config.scales},
            examples={"edge_maps": maps.found},
        )
        return Report.of(self, data, split, result)

    def samples(self, data: EdgeData) -> dict[str, np.ndarray]:
        """ "edges": an image, its edge map and the mean of its annotators in every row."""
        columns = self._columns(data.split(self.sample_split(data)), SAMPLES, {})
        height, width = np.max([image.shape[:2] for image in columns["image"]], axis=0)
        rows = []
        for images in zip(*columns.values(), strict=True):
            framed = [_framed(image, height, width) for image in images]
            rows.append(np.concatenate(framed, axis=1))
        return {"edges": np.concatenate(rows)}

    def plots(self, report: Report, data: EdgeData, run_dir: pathlib.Path) -> list[pathlib.Path]:
        """Precision against recall, and edge maps beside their images and what people drew."""
        from tfvse.figures.boundaries import precision_recall
        from tfvse.figures.contact_sheets import grid

        split = report.split
        title = f"{self.config.system} on {self.config.data}, {split}"
        columns = self._columns(data.split(split), SHOWN, report.examples["edge_maps"])
        curves = {}
        for name, value in report.details.items():
            if name.endswith("curve"):
                curves[name.removesuffix("curve")] = value
        return [
            grid(run_dir / f"edges-{split}.png", columns, title),
            precision_recall(run_dir / f"precision_recall-{split}.png", curves, title),
        ]

    def _columns(
        self, split: EdgeSplit, most: int, edge_maps: Mapping[int, np.ndarray]
    ) -> dict[str, list[np.ndarray]]:
        """Heading → uint8 [H, W, 3] images; edges are dark on white.

        Args:
          split: of the data.
          most: number of examples, evenly spread.
          edge_maps: row → float32 [H, W], those that are known already.
        """
        from tfvse.figures.boundaries import dark

        columns = {"image": [], "edge map": [], "annotators": []}
        for row in spread(len(split), most):
            _, image, drawings = split.read(row)
            edge_map = edge_maps.get(row)
            if edge_map is None:
                edge_map = self.detect(image)
            columns["image"].append(image)
            columns["edge map"].append(dark(edge_map))
            columns["annotators"].append(dark(np.mean(drawings, axis=0)))
        return columns

    def signatures(self, data: EdgeData) -> dict[str, Signature]:
        """`predict`: image files of any size → grey PNGs of that size, white at edges."""
        import tensorflow as tf

        from tfvse.export.graph import decode_bounded, map_pictures

        def one(encoded: Tensor) -> Tensor:
            """An image file, string scalar → a PNG file, string scalar."""
            image = tf.cast(decode_bounded(encoded), tf.float32)
            edges = self.probabilities(image[tf.newaxis])[0]
            return tf.io.encode_png(tf.cast(tf.round(255.0 * edges), tf.uint8)[..., tf.newaxis])

        def predict(image: Tensor) -> dict[str, Tensor]:
            """Image files, string [B] → PNG files, string [B]."""
            return {"edges_bytes": map_pictures(one, image, tf.string)}

        split = data.split(data.last_split)
        small = tf.io.encode_png(split.read(0)[1][:37, :53]).numpy()
        example = {"image": np.array([split.encoded(0), small], object)}
        return {"predict": Signature(predict, {"image": ("string", (None,))}, example)}

    def litert_models(self, data: EdgeData) -> dict[str, LiteRTModel]:
        """The detector at the training size, measured by ODS on the middles of ten images."""
        from tfvse.evaluation import edges
        from tfvse.export.litert import LiteRTModel

        side = self.config.patch_size
        train = data.split("train")
        last = data.split(data.last_split)
        measured = []
        for row in spread(len(last), LITERT_IMAGES):
            name, image, drawings = _middle(*last.read(row), side)
            if any(drawing.any() for drawing in drawings):
                measured.append((name, image, drawings))
        seen = []
        for row in spread(len(train), CALIBRATION_IMAGES):
            seen.append(_middle(*train.read(row), side)[1])

        def ods(run: Callable[[np.ndarray], np.ndarray]) -> tuple[str, float]:
            """The metric of `LiteRTModel`."""
            maps = run(np.stack([image for _, image, _ in measured]).astype("float32"))
            scored = []
            for (name, _, drawings), edge_map in zip(measured, maps, strict=True):
                scored.append((name, edge_map, drawings))
            result = edges.evaluate(scored, thresholds=33, bootstrap_samples=0)
            return "ODS", result.metrics["ODS"]

        calibration = np.stack(seen).astype("float32")
        return {"detector": LiteRTModel(self.probabilities, (side, side, 3), calibration, ods)}


class _Detected:
    """(name, edge map, drawings) of a split's images, detected as they are asked for.

    Attributes:
      found: row → edge map float32 [H, W], of the rows `kept` that were asked for.
    """

    def __init__(
        self, split: EdgeSplit, detect: Callable[[np.ndarray], np.ndarray], kept: np.ndarray
    ):
        self.split = split
        self.detect = detect
        self.kept = set(kept.tolist())
        self.found: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.split)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, Sequence[np.ndarray]]]:
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


def _framed(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image in the top left corner of a white one of [height, width, 3]."""
    below = height - image.shape[0]
    right = width - image.shape[1]
    return np.pad(image, ((0, below), (0, right), (0, 0)), constant_values=255)


def _middle(
    name: str, image: np.ndarray, drawings: Sequence[np.ndarray], side: int
) -> tuple[str, np.ndarray, list[np.ndarray]]:
    """An example cut to its middle side x side pixels; smaller ones are mirrored at their edges.

    Args:
      name: of the image.
      image: uint8 [H, W, 3].
      drawings: of its annotators, [H, W] each.
      side: in pixels.
    """
    below = max(side - image.shape[0], 0)
    right = max(side - image.shape[1], 0)
    cut = []
    for whole in (image, *drawings):
        border = [(0, below), (0, right)] + [(0, 0)] * (whole.ndim - 2)
        whole = np.pad(whole, border, mode="symmetric")
        top = (whole.shape[0] - side) // 2
        left = (whole.shape[1] - side) // 2
        cut.append(whole[top : top + side, left : left + side])
    return name, cut[0], cut[1:]
