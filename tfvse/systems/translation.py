"""The family of systems that translate pictures between two domains, a and b."""

import dataclasses

import numpy as np
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.layers.padding import pad_to_multiple
from tfvse.systems.base import Signature, System

DIRECTIONS = ("a_to_b", "b_to_a")
SHOWN = 4  # pictures of each domain in a sample grid


@dataclasses.dataclass(frozen=True)
class TranslationConfig(RunConfig):
    """Settings of every translation system."""

    batch_size: int = setting(1, "global batch size, over all replicas", low=1)
    load_size: int = setting(
        286, "side in pixels that training pictures are scaled to before they are cropped", low=8
    )
    crop_size: int = setting(
        256, "side in pixels of the random crop that training sees, and of evaluation", low=8
    )


class Translation(System):
    """A system that translates both ways. Members implement `forward`; sizes, evaluation, pictures and export are here.

    Class attributes:
      multiple, minimum: heights and widths that `forward` takes: multiples of `multiple`, at least `minimum` pixels.
    """

    data_kind = "translation"
    monitor = "-a/cycle_l1"  # unpaired sets have nothing that tells more about a single checkpoint
    multiple = 1
    minimum = 1

    def forward(self, direction, pictures):
        """The translation "a_to_b" or "b_to_a" of pictures of fitting sizes: float32 [B, H, W, 3] in [-1, 1] → same."""
        raise NotImplementedError

    def translate(self, direction, pictures):
        """`forward` at any height and width: the edges are mirrored until the size fits, and the result is cropped."""
        _, height, width, _ = ops.shape(pictures)
        fitting = pad_to_multiple(pictures, self.multiple, self.minimum)
        return self.forward(direction, fitting)[:, :height, :width]

    def _translator(self, direction):
        return lambda pictures: ops.convert_to_numpy(self.translate(direction, pictures))

    def evaluate(self, data, split):
        """Cycle and identity L1, and where the set is paired PSNR and SSIM; see `tfvse.evaluation.translation`."""
        from tfvse.evaluation import translation
        from tfvse.evaluation.report import Report

        result = translation.evaluate(
            *map(self._translator, DIRECTIONS), data.split(split), seed=self.config.seed
        )
        return Report.of(self, data, split, result)

    def samples(self, data):
        """ "translations": in every row a, its translation and the way back; then the same for b."""
        columns = self._columns(data.split(self.config.monitor_split))
        return {
            "translations": np.concatenate(
                [np.concatenate(column) for column in columns.values()], axis=1
            )
        }

    def plots(self, data, split, run_dir):
        """Writes `translations-<split>.png`: the rows of `samples` under headings."""
        from tfvse.figures import contact_sheets

        title = f"{self.config.system} on {self.config.data}, {split}"
        return [
            contact_sheets.grid(
                run_dir / f"translations-{split}.png", self._columns(data.split(split)), title
            )
        ]

    def _columns(self, split):
        """{heading: uint8 [n, S, S, 3]} for both directions, n at most `SHOWN`."""
        from tfvse.evaluation.translation import to_uint8

        columns = {}
        shown = min(SHOWN, split.count_a, split.count_b)
        for (a, b), (there, back) in (("ab", DIRECTIONS), ("ba", DIRECTIONS[::-1])):
            real = _spread(split, a, shown)
            made = self._translator(there)(real)
            columns |= {
                a: real,
                f"{a} → {b}": made,
                f"{a} → {b} → {a}": self._translator(back)(made),
            }
        return {heading: to_uint8(pictures) for heading, pictures in columns.items()}

    def signatures(self, data):
        """`translate_a_to_b` and `translate_b_to_a`: JPEG or PNG bytes → PNG bytes of the same height and width."""
        from tfvse.export.graph import encode_png, translate

        found = {}
        for direction in DIRECTIONS:
            real = _spread(data.split(self.config.monitor_split), direction[0], 1)[0]
            two_sizes = [encode_png(real).numpy(), encode_png(real[3:, :-5]).numpy()]

            def function(image, direction=direction):
                return {
                    "image_bytes": translate(
                        lambda pictures: self.translate(direction, pictures), image
                    )
                }

            example = {"image": np.array(two_sizes, dtype=object)}
            found[f"translate_{direction}"] = Signature(
                function, {"image": ("string", (None,))}, example
            )
        return found

    def litert_models(self, data):
        """`generator_a_to_b` and `generator_b_to_a` at `crop_size`, measured by SSIM with the Keras pictures."""
        from tfvse.export.litert import LiteRTModel

        side = self.config.crop_size
        return {
            f"generator_{direction}": LiteRTModel(
                lambda picture, direction=direction: self.translate(direction, picture),
                (side, side, 3),
                _spread(data.split("train"), direction[0], 50),
                self._similarity(
                    direction, _spread(data.split(self.config.monitor_split), direction[0], 8)
                ),
            )
            for direction in DIRECTIONS
        }

    def _similarity(self, direction, pictures):
        from tfvse.evaluation.translation import ssim, to_uint8

        expected = to_uint8(self._translator(direction)(pictures))
        return lambda run: (
            "SSIM with Keras",
            float(ssim(to_uint8(run(pictures)), expected).mean()),
        )


def _spread(split, domain, most):
    """At most `most` pictures of a domain, evenly spread over the split: float32 [n, S, S, 3] in [-1, 1]."""
    count = getattr(split, f"count_{domain}")
    return split.pictures(domain, np.unique(np.linspace(0, count - 1, most).astype(int)))
