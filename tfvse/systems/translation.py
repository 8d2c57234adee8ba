"""The family of systems that translate images between two domains, a and b."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.export.signature import Signature
from tfvse.layers.padding import pad_to_multiple
from tfvse.systems.base import System, Tensor

if TYPE_CHECKING:
    from tfvse.data.kinds.translation import TranslationData, TranslationSplit, TranslationView
    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel

Translator = Callable[[np.ndarray], np.ndarray]  # images [n, H, W, 3] → the same
Metric = Callable[[Translator], tuple[str, float]]  # → (name, value)

DIRECTIONS = ("a_to_b", "b_to_a")
SHOWN = 4  # images of each domain in a sample grid
LITERT_IMAGES = 8  # that a LiteRT file is measured on
CALIBRATION_IMAGES = 50  # of the training split, from which int8 ranges are taken


@dataclasses.dataclass(frozen=True)
class TranslationConfig(RunConfig):
    """Settings of every translation system."""

    batch_size: int = setting(1, "global batch size, over all replicas", low=1)
    load_size: int = setting(
        286, "side in pixels that training images are scaled to before they are cropped", low=8
    )
    crop_size: int = setting(
        256, "side in pixels of the random crop that training sees, and of evaluation", low=8
    )

    def data_view(self) -> TranslationView:
        """What training may see of the data set."""
        from tfvse.data.kinds.translation import TranslationView

        return TranslationView(
            load_size=self.load_size,
            crop_size=self.crop_size,
        )


class Translation(System):
    """A system that translates both ways.

    Members implement `forward`; sizes, evaluation, figures and export are here.

    Class attributes:
      multiple, minimum: heights and widths that `forward` takes: multiples of `multiple`, at least
        `minimum` pixels.
    """

    data_kind = "translation"
    monitor = "-a/cycle_l1"  # unpaired sets have nothing that tells more about a single checkpoint
    multiple = 1
    minimum = 1
    limits = (
        "Images unlike the training domain come out arbitrarily; nothing detects them.",
        "The output is invented: it is no measurement or evidence of anything.",
        "Trained at one size; other sizes run, their quality was not measured.",
    )

    def forward(self, direction: str, images: Tensor) -> Tensor:
        """Translates images of fitting sizes.

        Args:
          direction: "a_to_b" or "b_to_a".
          images: float32 [B, H, W, 3] in [-1, 1].

        Returns:
          The same shape and range.
        """
        raise NotImplementedError

    def translate(self, direction: str, images: Tensor) -> Tensor:
        """`forward` at any height and width: edges are mirrored to fit, the result is cut.

        Args:
          direction: "a_to_b" or "b_to_a".
          images: float32 [B, H, W, 3] in [-1, 1].

        Returns:
          The same shape and range.
        """
        _, height, width, _ = ops.shape(images)
        fitting = pad_to_multiple(images, self.multiple, self.minimum)
        return self.forward(direction, fitting)[:, :height, :width]

    def translator(self, direction: str) -> Translator:
        """`translate` in one direction: np.float32 [B, H, W, 3] in [-1, 1] → the same."""
        return lambda images: ops.convert_to_numpy(self.translate(direction, images))

    def evaluate(
        self,
        data: TranslationData,
        split: str,
        work_dir: pathlib.Path | None = None,
    ) -> Report:
        """Cycle and identity L1, and where the set is paired PSNR and SSIM."""
        from tfvse.evaluation import translation
        from tfvse.evaluation.report import Report

        there = self.translator("a_to_b")
        back = self.translator("b_to_a")
        part = data.split(split)
        result = translation.evaluate(there, back, part, seed=self.config.seed)
        return Report.of(self, data, split, result)

    def samples(self, data: TranslationData) -> dict[str, np.ndarray]:
        """Draws an image of a, its translation and the way back in every row; then the same for b.

        Returns:
          "translations" → uint8 [H, W, 3].
        """
        columns = self._columns(data.split(self.sample_split(data)))
        stacked = [np.concatenate(column) for column in columns.values()]
        return {"translations": np.concatenate(stacked, axis=1)}

    def plots(
        self,
        report: Report,
        data: TranslationData,
        run_dir: pathlib.Path,
    ) -> list[pathlib.Path]:
        """Writes `translations-<split>.png`: the rows of `samples` under headings."""
        from tfvse.figures.contact_sheets import grid

        split = report.split
        title = f"{self.config.system} on {self.config.data}, {split}"
        columns = self._columns(data.split(split))
        return [grid(run_dir / f"translations-{split}.png", columns, title)]

    def _columns(self, split: TranslationSplit) -> dict[str, np.ndarray]:
        """Heading → uint8 [n, S, S, 3] for both directions, n at most `SHOWN`."""
        from tfvse.evaluation.translation import to_uint8

        shown = min(SHOWN, split.count_a, split.count_b)
        columns = {}
        for source, target in (("a", "b"), ("b", "a")):
            there = self.translator(f"{source}_to_{target}")
            back = self.translator(f"{target}_to_{source}")
            real = _spread(split, source, shown)
            made = there(real)
            returned = back(made)
            columns[source] = to_uint8(real)
            columns[f"{source} → {target}"] = to_uint8(made)
            columns[f"{source} → {target} → {source}"] = to_uint8(returned)
        return columns

    def signatures(self, data: TranslationData) -> dict[str, Signature]:
        """`translate_a_to_b` and `translate_b_to_a`: image files → PNG files of the same size."""
        split = data.split(self.sample_split(data))
        return {f"translate_{way}": self._signature(way, split) for way in DIRECTIONS}

    def _signature(self, direction: str, split: TranslationSplit) -> Signature:
        """The exported function of one direction; its example is of the split."""
        from tfvse.export.graph import encode_png, translate

        def function(image: Tensor) -> dict[str, Tensor]:
            """Image files, string [B] → PNG files, string [B]."""
            files = translate(lambda images: self.translate(direction, images), image)
            return {"image_bytes": files}

        real = _spread(split, direction[0], 1)[0]
        smaller = real[3:, :-5]
        two_sizes = [encode_png(image).numpy() for image in (real, smaller)]
        inputs = {"image": ("string", (None,))}
        example = {"image": np.array(two_sizes, dtype=object)}
        return Signature(function, inputs, example)

    def litert_models(self, data: TranslationData) -> dict[str, LiteRTModel]:
        """`generator_a_to_b` and `generator_b_to_a` at `crop_size`, measured by SSIM with Keras."""
        return {f"generator_{way}": self._litert_model(way, data) for way in DIRECTIONS}

    def _litert_model(self, direction: str, data: TranslationData) -> LiteRTModel:
        """The generators of one direction: float32 [1, S, S, 3] in [-1, 1] → the same."""
        from tfvse.export.litert import LiteRTModel

        side = self.config.crop_size
        domain = direction[0]
        held_out = data.split(self.config.monitor_split)
        measured = _spread(held_out, domain, LITERT_IMAGES)
        return LiteRTModel(
            function=lambda image: self.translate(direction, image),
            shape=(side, side, 3),
            representative=_spread(data.split("train"), domain, CALIBRATION_IMAGES),
            metric=self._similarity(direction, measured),
        )

    def _similarity(self, direction: str, images: np.ndarray) -> Metric:
        """The metric of a `LiteRTModel`: SSIM with what Keras makes of float32 [n, S, S, 3]."""
        from tfvse.evaluation.translation import ssim, to_uint8

        expected = to_uint8(self.translator(direction)(images))

        def similarity(run: Translator) -> tuple[str, float]:
            made = to_uint8(run(images))
            return "SSIM with Keras", float(ssim(made, expected).mean())

        return similarity


def _spread(
    split: TranslationSplit,
    domain: str,
    most: int,
) -> np.ndarray:
    """At most `most` images of a domain, evenly spread: float32 [n, S, S, 3] in [-1, 1]."""
    count = {"a": split.count_a, "b": split.count_b}[domain]
    spaced = np.linspace(0, count - 1, most)
    return split.images(domain, np.unique(spaced.astype(int)))
