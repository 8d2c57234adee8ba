"""The family of edge detectors: VGG-16 with five side outputs and their fusion; evaluation, pictures and export."""

import dataclasses

import keras
import numpy as np
from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.layers.fusion import ConvolutionFusion, GridFusion
from tfvse.layers.upsampling import resize, upsample
from tfvse.systems.base import Signature
from tfvse.systems.dense import DenseConfig, DensePredictor, spread

SIDES = 5
SHOWN = 6  # pictures of a contact sheet


@dataclasses.dataclass(frozen=True)
class EdgeConfig(DenseConfig):
    """Settings of every edge detector."""

    weight_decay: float = setting(2e-4, "L2 penalty on weights, not on biases", low=0.0)
    side_rate: float = setting(
        0.01, "learning rate of the side outputs, of --learning_rate", low=0.0
    )
    fusion_rate: float = setting(0.001, "learning rate of the fusion, of --learning_rate", low=0.0)
    consensus: int = setting(
        3, "annotators who must have drawn an edge that training learns", low=1
    )
    dilation: int = setting(
        0, "pixels by which the edges that training learns are dilated", low=0, high=10
    )
    relaxed: str = setting(
        "none",
        "detector of relaxed labels; edge_map: what --edge_maps gave",
        choices=("none", "canny", "edge_map"),
    )
    scales: str = setting(
        "1", "sizes of a picture, separated by commas, whose edge maps are averaged in testing"
    )
    max_distance: float = setting(
        0.0075, "between partners, of the diagonal; 0.011 for NYUD", low=0.0, high=0.1
    )
    thresholds: int = setting(99, "of the benchmark", low=1, high=254)
    nms: bool = setting(True, "non-maximum suppression before the benchmark")
    ceval: bool = setting(False, "crispness too, and the scores without suppression and thinning")
    workers: int = setting(1, "processes of the benchmark", low=1)

    def check(self):
        super().check()
        if not all(0.1 <= scale <= 4 for scale in self.scale_factors):
            raise UserError(
                f"--scales={self.scales}: must be numbers from 0.1 to 4, such as 0.5,1,1.5"
            )

    @property
    def scale_factors(self):
        """Tuple of float."""
        try:
            return tuple(float(word) for word in self.scales.split(","))
        except ValueError:
            return (0.0,)


class SideOutputs(keras.Model):
    """One 1x1 convolution for each block of VGG-16, brought to the picture's size.

    Its weights start at 0 (sections 2.4.5 and 3.4.1). Input: list of five [B, h, w, c], the first of the picture's
    size. Output: list of five float32 [B, H, W, 1], logits.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scores = [
            keras.layers.Conv2D(
                1, 1, kernel_initializer="zeros", dtype="float32", name=f"side{k + 1}"
            )
            for k in range(SIDES)
        ]

    def call(self, blocks):
        sides = [score(block) for score, block in zip(self.scores, blocks, strict=True)]
        return [sides[0], *(upsample(side, sides[0]) for side in sides[1:])]


class SideFusion(keras.Model):
    """The fused logits, float32 [B, H, W, 1], of five side outputs; every weight starts at 0.2, the mean of the sides.

    Args:
      fusion: "convolution" (HED: five weights) or "locally_connected" (eq. 2.10: five weights for each pixel of the
        size that it is built with; at other sizes they are resized, see `GridFusion`).
    """

    def __init__(self, fusion, **kwargs):
        super().__init__(**kwargs)
        module = {"convolution": ConvolutionFusion, "locally_connected": GridFusion}[fusion]
        self.fusion = module(activation=None, dtype="float32")

    def call(self, sides):
        return self.fusion(sides)


class EdgeDetector(DensePredictor):
    """Owns the networks "features" (VGG-16), "sides" and "fusion". Members say how they are supervised, in `losses`."""

    Config = EdgeConfig
    data_kind = "edges"
    monitor = "ODS"
    fusion = "convolution"

    def build(self, data):
        side = self.config.patch_size
        features, sides, fusion = (
            self.vgg16_features(),
            SideOutputs(name="sides"),
            SideFusion(self.fusion),
        )
        fusion(sides(features(np.zeros((1, side, side, 3), "float32"))))
        self.networks = {"features": features, "sides": sides, "fusion": fusion}
        self._found = {}  # split → what the last evaluation found, for the pictures

    @property
    def backbone(self):
        return self.networks["features"]

    def rates(self):
        """Side outputs and fusion learn at rates of their own, as in HED."""
        return {"features": 1.0, "sides": self.config.side_rate, "fusion": self.config.fusion_rate}

    def logits(self, pictures):
        """float32 [B, H, W, 3] in 0 … 255 → (five side outputs, the fused output), float32 [B, H, W] each."""
        sides = self.networks["sides"](self.networks["features"](pictures))
        return [side[..., 0] for side in sides], self.networks["fusion"](sides)[..., 0]

    def probabilities(self, pictures):
        """Edge maps float32 [B, H, W] in 0 … 1, averaged over --scales, of float32 [B, H, W, 3] in 0 … 255."""
        _, height, width, _ = ops.shape(pictures)
        maps = []
        for scale in self.config.scale_factors:
            size = tuple(_scaled(side, scale) for side in (height, width))
            edges = ops.sigmoid(self.logits(resize(pictures, size))[1])
            maps.append(resize(edges[..., None], (height, width))[..., 0])
        return sum(maps) / len(maps)

    def _predictor(self):
        """uint8 [H, W, 3] of any size → np.float32 [H, W]."""
        import tensorflow as tf

        spec = [tf.TensorSpec([1, None, None, 3], tf.float32)]
        function = tf.function(self.probabilities, input_signature=spec, autograph=False)
        return lambda picture: function(tf.cast(picture[None], tf.float32)).numpy()[0]

    def evaluate(self, data, split):
        """ODS, OIS, AP and R50 of the Berkeley benchmark; see `tfvse.evaluation.edges`. Goes on in `kept_dir`."""
        from tfvse.evaluation import edges
        from tfvse.evaluation.report import Report

        config, predict = self.config, self._predictor()
        maps = _Predicted(data.split(split), predict)
        names = ("max_distance", "thresholds", "nms", "ceval", "workers", "seed")
        kept = self.kept_dir and self.kept_dir / split
        result = edges.evaluate(
            maps, results_dir=kept, **{name: getattr(config, name) for name in names}
        )
        self._found[split] = result
        protocol = {**result.protocol, "scales": config.scales}
        return Report.of(self, data, split, result._replace(protocol=protocol))

    def samples(self, data):
        """ "edges": a picture, its edge map and the mean of its annotators in every row."""
        columns = self._columns(data.split(data.last_split), 3)
        height, width = np.max([picture.shape[:2] for picture in columns["picture"]], axis=0)

        def frame(picture):
            return np.pad(
                picture,
                ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)),
                constant_values=255,
            )

        rows = zip(*columns.values(), strict=True)
        return {
            "edges": np.concatenate(
                [np.concatenate([frame(picture) for picture in row], axis=1) for row in rows]
            )
        }

    def plots(self, data, split, run_dir):
        """Precision against recall, and edge maps beside their pictures and what people drew."""
        from tfvse.figures import boundaries, contact_sheets

        title = f"{self.config.system} on {self.config.data}, {split}"
        written = [
            contact_sheets.grid(
                run_dir / f"edges-{split}.png", self._columns(data.split(split), SHOWN), title
            )
        ]
        if split in self._found:
            curves = {
                k.removesuffix("curve"): v
                for k, v in self._found[split].details.items()
                if k.endswith("curve")
            }
            written.append(
                boundaries.precision_recall(
                    run_dir / f"precision_recall-{split}.png", curves, title
                )
            )
        return written

    def _columns(self, split, most):
        """{heading: list of uint8 [H, W, 3]}; edges are dark on white."""
        from tfvse.figures.boundaries import dark

        predict, columns = self._predictor(), {"picture": [], "edge map": [], "annotators": []}
        for row in spread(len(split), most):
            _, picture, drawings = split.read(row)
            columns["picture"].append(picture)
            columns["edge map"].append(dark(predict(picture)))
            columns["annotators"].append(dark(np.mean(drawings, axis=0)))
        return columns

    def signatures(self, data):
        """`predict`: JPEG or PNG bytes of any size → a grey PNG of that size, white where there is an edge."""
        import tensorflow as tf

        from tfvse.export.graph import decode_bounded, map_pictures

        def one(picture):
            edges = self.probabilities(tf.cast(decode_bounded(picture), tf.float32)[tf.newaxis])[0]
            return tf.io.encode_png(tf.cast(tf.round(255.0 * edges), tf.uint8)[..., tf.newaxis])

        def predict(image):
            return {"edges_bytes": map_pictures(one, image, tf.string)}

        split = data.split(data.last_split)
        small = tf.io.encode_png(split.read(0)[1][:37, :53]).numpy()
        example = {"image": np.array([split.encoded(0), small], object)}
        return {"predict": Signature(predict, {"image": ("string", (None,))}, example)}

    def litert_models(self, data):
        """The detector at --crop or --resize_to pixels, measured by the ODS of the middles of up to ten pictures."""
        from tfvse.evaluation import edges
        from tfvse.export.litert import LiteRTModel

        side = self.config.patch_size
        train, last = data.split("train"), data.split(data.last_split)
        held_out = [_middle(*last.read(row), side) for row in spread(len(last), 10)]
        held_out = [
            (*found, drawings) for *found, drawings in held_out if any(d.any() for d in drawings)
        ]
        seen = np.stack(
            [_middle(*train.read(row), side)[1] for row in spread(len(train), 50)]
        ).astype("float32")

        def ods(run):
            maps = run(np.stack([picture for _, picture, _ in held_out]).astype("float32"))
            scored = [
                (name, edge_map, drawings)
                for (name, _, drawings), edge_map in zip(held_out, maps, strict=True)
            ]
            return "ODS", edges.evaluate(scored, thresholds=33, bootstrap_samples=0).metrics["ODS"]

        return {"detector": LiteRTModel(self.probabilities, (side, side, 3), seen, ods)}


class _Predicted:
    """(name, edge map, annotations) of a split's pictures, predicted as they are asked for."""

    def __init__(self, split, predict):
        self.split, self.predict = split, predict

    def __len__(self):
        return len(self.split)

    def __iter__(self):
        for name, picture, drawings in self.split:
            yield name, self.predict(picture), drawings


def _scaled(side, scale):
    if scale == 1:
        return side
    return ops.maximum(ops.cast(ops.round(ops.cast(side, "float32") * scale), "int32"), 1)


def _middle(name, picture, drawings, side):
    """The same, cut to the middle side x side pixels; what is smaller is mirrored at its edges first."""
    room = [max(side - length, 0) for length in picture.shape[:2]]
    cut = []
    for whole in (picture, *drawings):
        whole = np.pad(
            whole, [(0, room[0]), (0, room[1])] + [(0, 0)] * (whole.ndim - 2), mode="symmetric"
        )
        top, left = ((length - side) // 2 for length in whole.shape[:2])
        cut.append(whole[top : top + side, left : left + side])
    return name, cut[0], cut[1:]
