"""Fully convolutional fusion networks (FCFN) for semantic segmentation, and FCN-8s to compare with.

Paper: Y. Liu, Y. Guo, T. Georgiou, M. S. Lew. Fusion that matters: convolutional fusion networks
for visual recognition. Multimedia Tools and Applications, 2018; chapter 2 of Y. Liu's thesis,
sections 2.3.1 and 2.4.4. FCN-8s: J. Long, E. Shelhamer, T. Darrell, CVPR 2015.

VGG-16's convolutions and its fully connected layers, made convolutions, score every class at a
stride of 32. 1×1 convolutions on pool4 and pool3 score them at strides of 16 and 8. Coarse scores
are upsampled and fused with the finer ones twice. FCN-8s fuses by a sum, FCFN with weights of their
own for every place and class. The result is upsampled eight times.

    paper                     here
    g^(1), g^(2) (eq. 2.7)    scores of pool4; scores of the top, upsampled twice
    W^(f), b^(f) (eq. 2.7)    networks["fusion"].stages[0].kernel [H/16, W/16, C, 2],
                              .bias [H/16, W/16, C]
    g'^(1), g'^(2) (eq. 2.8)  scores of pool3; the fused scores, upsampled twice
    W'^(f), b'^(f) (eq. 2.8)  networks["fusion"].stages[1].kernel [H/8, W/8, C, 2],
                              .bias [H/8, W/8, C]
    L            (eq. 2.9)    loss "cross_entropy"
    FCN-8s, FCFN              --fusion=sum, --fusion=locally_connected

Where the chapter leaves a choice, or this departs from it:
- σ of eqs. 2.7 and 2.8 is the identity. What is fused are class scores, and a softmax needs the
  negative ones too.
- Weights of the fusions start at 1/2, as section 2.2.1 starts them at one over the number of
  branches. FCN-8s sums, which is 1 and 1.
- The weights belong to places in the training patch, and are stretched to images of other sizes.
  The gradient of one weight is that of a single place, so at the common rate it hardly moves.
  Hence --fusion_rate.
- Eq. 2.9 sums over pixels. Here the sum is divided by the number of pixels of the patch, void ones
  included. A rate then means the same at every size, and the parts of a batch weigh alike on every
  device. The chapter's rate of 1e-4 must belong to a mean as well: of a sum it would be that of
  this loss times 10⁵.
- Convolutions keep the size ("same" padding). FCN pads by 100 pixels and crops later. Upsampling
  is bilinear and fixed, at each stage to the size of the finer map, which fits images of any size.
- fc6 and fc7 start at random (He et al.), not from VGG-16's: sources of weights that install with
  pip hold the convolutions alone. The layers that score start at 0, as in FCN.
- Images that must have one size are cut to patches (--crop), and padded where they are smaller.
  Padding is void.

Numbers to reach (table 2.7; IoU in percent on 904 images of VOC 2012 val, after 100,000 steps of
one image): mean 57.1 of FCN-8s and 60.3 of FCFN, which is better in 13 of the 20 classes listed.
Their means are 57.2 and 58.9, and the text tells of a gain of 1.6. So it seems that 60.3 alone
counts the background. `mean_iou` here always does.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from tfvse.config import setting
from tfvse.export.signature import LABELS, Signature
from tfvse.layers.upsampling import upsample
from tfvse.losses.segmentation import pixel_cross_entropy
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.dense import DenseConfig, DensePredictor, spread
from tfvse.systems.fcfn_networks import FUSIONS, ScoreFusion, ScoreNetwork

if TYPE_CHECKING:
    from tfvse.data.kinds.segmentation import SegmentationData, SegmentationSplit, SegmentationView
    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel
    from tfvse.layers.vgg import VGG16Features

Segment = Callable[[np.ndarray], np.ndarray]  # uint8 [H, W, 3] → label map uint8 [H, W]
Labelled = tuple[np.ndarray, np.ndarray, np.ndarray]  # image, labels, predicted labels

SHOWN = 4  # images in a sample
LITERT_IMAGES = 20  # that a LiteRT file is measured on
CALIBRATION_IMAGES = 50  # of the training split, from which int8 ranges are taken


@dataclasses.dataclass(frozen=True)
class Config(DenseConfig):
    """FCFN: scores of three strides, fused with weights of their own for every place and class."""

    system: str = setting("fcfn", "the method", choices=("fcfn",))
    data: str = setting("voc2012", "the data set: a name in tfvse.data.DATASETS")
    batch_size: int = setting(1, "global batch size, over all replicas", low=1)
    fusion: str = setting(
        "locally_connected", "how scores are fused; sum: FCN-8s", choices=tuple(FUSIONS)
    )
    head_channels: int = setting(4096, "channels of fc6 and fc7", low=1)
    head_kernel: int = setting(7, "height and width of fc6's kernel", low=1)
    fusion_rate: float = setting(
        1.0, "learning rate of locally connected fusions, a factor of --learning_rate", low=0.0
    )
    dropout: float = setting(
        0.5, "fraction of the outputs of fc6 and fc7 that is dropped", low=0.0, high=0.99
    )

    def data_view(self) -> SegmentationView:
        """What training may see of the data set."""
        from tfvse.data.kinds.segmentation import SegmentationView

        return SegmentationView(
            resize_to=self.resize_to,
            patch_size=self.patch_size,
            mirror=self.mirror,
        )


class FCFN(DensePredictor):
    """Owns the networks "scores" and "fusion", which it trains in one stage."""

    Config = Config
    data_kind = "segmentation"
    monitor = "mean_iou"
    limits = (
        "Every pixel gets one of the classes above, also where it shows none of them; there is no "
        "void.",
        "Trained on patches of one size; the weights of a fusion are stretched over images of "
        "other sizes.",
        "Numbers are of whole images of the data set's own sizes.",
    )

    def build(self, data: SegmentationData) -> None:
        """Makes the networks for images of the training size; they take any size."""
        config = self.config
        scores = ScoreNetwork(
            self.vgg16_features(),
            len(data.classes),
            config.head_channels,
            config.head_kernel,
            config.dropout,
        )
        fusion = ScoreFusion(config.fusion)
        size = data.element_spec["image"].shape[1:]
        fusion(scores(np.zeros((1, *size), "float32")))
        self.networks = {"scores": scores, "fusion": fusion}

    @property
    def backbone(self) -> VGG16Features:
        """VGG-16 in the network "scores"."""
        return self.networks["scores"].features

    def rates(self) -> dict[str, float]:
        """Locally connected fusions learn at a rate of their own; a sum has nothing to learn."""
        fusion_rate = self.config.fusion_rate if self.config.fusion != "sum" else 0.0
        return {"scores": 1.0, "fusion": fusion_rate}

    def logits(self, images: Tensor, training: bool = False) -> Tensor:
        """float [B, H, W, 3] in 0 … 255, of any size → float32 [B, H, W, classes]."""
        scores = self.networks["scores"](images, training=training)
        return upsample(self.networks["fusion"](scores), images)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """Eq. 2.9, divided by the number of pixels."""
        logits = self.logits(batch["image"], training=True)
        cross_entropy = pixel_cross_entropy(logits, batch["labels"])
        return {"cross_entropy": ops.mean(cross_entropy)}, {}

    @functools.cached_property
    def _labels(self) -> Callable[[Tensor], Tensor]:
        """uint8 [H, W, 3] of any size → uint8 [H, W], compiled once for all sizes."""
        import tensorflow as tf

        any_size = tf.TensorSpec([None, None, 3], tf.uint8)

        @tf.function(input_signature=[any_size])
        def labels(image: Tensor) -> Tensor:
            pixels = tf.cast(image, tf.float32)
            logits = self.logits(pixels[tf.newaxis])
            best = tf.argmax(logits[0], axis=-1)
            return tf.cast(best, tf.uint8)

        return labels

    def segment(self, image: np.ndarray) -> np.ndarray:
        """The class of every pixel, uint8 [H, W], of an image uint8 [H, W, 3]."""
        return self._labels(image).numpy()

    def evaluate(
        self,
        data: SegmentationData,
        split: str,
        work_dir: pathlib.Path | None = None,
    ) -> Report:
        """Mean IoU and accuracies; see `tfvse.evaluation.segmentation`."""
        from tfvse.evaluation import segmentation
        from tfvse.evaluation.report import Report

        part = data.split(split)
        segmenter = _Segmenter(self.segment, kept=spread(len(part), SHOWN))
        result = segmentation.evaluate(
            segmenter,
            part,
            data.classes,
            seed=self.config.seed,
        )
        parameters = sum(network.count_params() for network in self.networks.values())
        result = result._replace(
            protocol={**result.protocol, "parameters": parameters},
            examples={"label_maps": segmenter.found},
        )
        return Report.of(self, data, split, result)

    def _examples(
        self, split: SegmentationSplit, label_maps: Mapping[int, np.ndarray]
    ) -> list[Labelled]:
        """At most `SHOWN` examples, evenly spread.

        Args:
          split: of the data.
          label_maps: row → uint8 [H, W], predictions that are known already.

        Returns:
          (image uint8 [H, W, 3], labels uint8 [H, W], predicted labels uint8 [H, W]) of each.
        """
        examples = []
        for row in spread(len(split), SHOWN):
            image, labels = split.read(row)
            predicted = label_maps.get(row)
            if predicted is None:
                predicted = self.segment(image)
            examples.append((image, labels, predicted))
        return examples

    def samples(self, data: SegmentationData) -> dict[str, np.ndarray]:
        """Draws an image, its labels and the predicted labels in every row.

        Returns:
          "segmentations" → uint8 [H, W, 3].
        """
        from tfvse.figures.label_maps import montage

        split = data.split(self.sample_split(data))
        examples = self._examples(split, {})
        return {"segmentations": montage(examples, data.colours)}

    def plots(
        self,
        report: Report,
        data: SegmentationData,
        run_dir: pathlib.Path,
    ) -> list[pathlib.Path]:
        """Writes `segmentations-<split>.png`, as `samples` with a legend, and `iou-<split>.png`."""
        from tfvse.figures import label_maps

        split = report.split
        title = f"{self.config.system} ({self.config.fusion}) on {self.config.data}, {split}"
        found = report.examples["label_maps"]
        examples = self._examples(data.split(split), found)
        by_class = {}
        for name, value in report.metrics.items():
            if name.startswith("IoU/"):
                by_class[name.removeprefix("IoU/")] = value

        sheet = run_dir / f"segmentations-{split}.png"
        bars = run_dir / f"iou-{split}.png"
        return [
            label_maps.comparison(sheet, examples, data.classes, data.colours, title),
            label_maps.class_bars(bars, by_class, title),
        ]

    def signatures(self, data: SegmentationData) -> dict[str, Signature]:
        """`predict`: image files → PNGs of the same size, of class numbers and of colours."""
        import tensorflow as tf

        from tfvse.export.graph import decode_bounded, map_images

        colours = tf.constant(data.colours)

        def one(encoded: Tensor) -> Tensor:
            """An image file, string scalar → two PNG files, string [2]."""
            labels = self._labels(decode_bounded(encoded))
            painted = tf.gather(colours, tf.cast(labels, tf.int32))
            class_map = tf.io.encode_png(labels[..., tf.newaxis])
            return tf.stack([class_map, tf.io.encode_png(painted)])

        def predict(image: Tensor) -> dict[str, Tensor]:
            """Image files, string [B] → PNG files, string [B], of class numbers and of colours."""
            pair = tf.TensorSpec([2], tf.string)
            files = map_images(one, image, pair)
            return {"class_map_bytes": files[:, 0], "coloured_bytes": files[:, 1]}

        split = data.split(self.sample_split(data))
        shown = [split.encoded(row) for row in spread(len(split), 2)]
        example = {"image": np.array(shown, object)}
        tolerances = {"class_map_bytes": LABELS, "coloured_bytes": LABELS}
        inputs = {"image": ("string", (None,))}
        return {"predict": Signature(predict, inputs, example, tolerances)}

    def litert_models(self, data: SegmentationData) -> dict[str, LiteRTModel]:
        """The networks at the training size: float32 [1, S, S, 3] → logits; metric: mean IoU."""
        from tfvse.export.litert import LiteRTModel
        from tfvse.metrics import segmentation as metrics

        side = self.config.patch_size
        train = data.split("train")
        held_out = data.split(self.config.monitor_split)
        measured = spread(len(held_out), LITERT_IMAGES)
        images, labels = held_out.squeezed(measured, side)
        seen = spread(len(train), CALIBRATION_IMAGES)
        calibration, _ = train.squeezed(seen, side)

        def mean_iou(run: Callable[[np.ndarray], np.ndarray]) -> tuple[str, float]:
            """The metric of `LiteRTModel`."""
            predicted = np.argmax(run(images), axis=-1)
            confusion = metrics.pixel_confusion_matrix(predicted, labels, len(data.classes))
            return "mean IoU (%)", 100 * float(metrics.mean_iou(confusion))

        return {
            "segmenter": LiteRTModel(
                function=self.logits,
                shape=(side, side, 3),
                representative=calibration,
                metric=mean_iou,
            )
        }


class _Segmenter:
    """Segments a split's images in their order, and keeps some of the label maps.

    Attributes:
      found: row → label map uint8 [H, W], of the rows `kept`.
    """

    def __init__(self, segment: Segment, kept: np.ndarray):
        self.segment = segment
        self.kept = set(kept.tolist())
        self.found: dict[int, np.ndarray] = {}
        self.row = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W, 3], the next image of the split → label map uint8 [H, W]."""
        labels = self.segment(image)
        if self.row in self.kept:
            self.found[self.row] = labels
        self.row += 1
        return labels
