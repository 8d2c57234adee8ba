"""The protocol of image-to-image translation between two domains a and b, paired or not."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from tfvse.evaluation import intervals
from tfvse.evaluation.checks import refuse_empty, refuse_not_finite
from tfvse.evaluation.report import Result
from tfvse.metrics.generation import l1, psnr
from tfvse.typing import Array, Tensor

BATCH = 8
SSIM_WINDOW = 11

# float32 [B, H, W, 3] in [-1, 1] → the same in the other domain.
Translator: TypeAlias = Callable[[Array], Tensor]


class DomainImages(Protocol):
    """What is read of a split, such as `tfvse.data.kinds.translation.TranslationSplit`.

    Attributes:
      paired: whether row i of both domains shows the same thing.
    """

    paired: bool

    @property
    def count_a(self) -> int:
        """The number of images of domain a."""

    @property
    def count_b(self) -> int:
        """The number of images of domain b."""

    def images(
        self,
        domain: str,
        rows: Array,
    ) -> Array:
        """Images float32 [B, H, W, 3] in [-1, 1] of "a" or "b" at int rows [B]."""


class _Direction(NamedTuple):
    """A translation and the way back.

    Attributes:
      source: "a" or "b".
      target: the other domain.
      images: number of images of the source.
      there: translates from source to target.
      back: translates from target to source.
    """

    source: str
    target: str
    images: int
    there: Translator
    back: Translator


def evaluate(
    a_to_b: Translator,
    b_to_a: Translator,
    split: DomainImages,
    *,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Result:
    """Measures both directions, one batch at a time.

    Args:
      a_to_b: float32 [B, H, W, 3] in [-1, 1] → the same; the whole chain of several generators.
      b_to_a: the other direction.
      split: if it is paired, PSNR and SSIM are measured too.
      bootstrap_samples: redraws of the images for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      The metrics `a/cycle_l1` (a → b → a compared with a), `a/identity_l1` (`b_to_a` of a compared
      with a), and the same for b. Paired sets add `a_to_b/psnr`, `a_to_b/ssim` and those of the
      other direction. L1 is in units of pixels in [-1, 1], PSNR in dB; SSIM is 1 for equal images.

    Raises:
      UserError: the networks give NaN, or a domain is empty.
    """
    refuse_empty(split.count_a, "domain a of the split")
    refuse_empty(split.count_b, "domain b of the split")

    values: dict[str, Array] = {}
    for direction in (
        _Direction("a", "b", split.count_a, there=a_to_b, back=b_to_a),
        _Direction("b", "a", split.count_b, there=b_to_a, back=a_to_b),
    ):
        values.update(_measure(direction, split))

    found = {}
    for name, column in values.items():
        found.update(intervals.of_means({name: column}, bootstrap_samples, seed))
    return Result(
        {name: float(column.mean()) for name, column in values.items()},
        _protocol(split, bootstrap_samples, seed),
        found,
    )


def _measure(
    direction: _Direction,
    split: DomainImages,
) -> dict[str, Array]:
    """metric → float [N] of all images of a direction."""
    batches: dict[str, list[Array]] = {}
    for start in range(0, direction.images, BATCH):
        stop = min(start + BATCH, direction.images)
        rows = np.arange(start, stop)
        real = split.images(direction.source, rows)
        measured, translated = _reconstruction(direction, real)
        if split.paired:
            wanted = split.images(direction.target, rows)
            measured.update(_likeness(direction, translated, wanted))

        for name, column in measured.items():
            batches.setdefault(name, []).append(column)
    return {name: np.concatenate(columns) for name, columns in batches.items()}


def _reconstruction(
    direction: _Direction,
    real: Array,
) -> tuple[dict[str, Array], Array]:
    """How well a batch is kept by both translations.

    Returns:
      metric → float [B]; and the translated images, float32 [B, H, W, 3] in [-1, 1].
    """
    translated = _translated(direction.there, real)
    cycled = _translated(direction.back, translated)
    identical = _translated(direction.back, real)
    measured = {
        f"{direction.source}/cycle_l1": l1(cycled, real),
        f"{direction.source}/identity_l1": l1(identical, real),
    }
    return measured, translated


def _likeness(
    direction: _Direction,
    translated: Array,
    wanted: Array,
) -> dict[str, Array]:
    """metric → float [B] of translated images and their true counterparts, both in [-1, 1]."""
    translated = to_uint8(translated)
    wanted = to_uint8(wanted)
    name = f"{direction.source}_to_{direction.target}"
    return {
        f"{name}/psnr": psnr(translated, wanted),
        f"{name}/ssim": ssim(translated, wanted),
    }


def _translated(translator: Translator, images: Array) -> Array:
    """The translation of images; UserError if it is not finite."""
    translated = np.asarray(translator(images))
    refuse_not_finite(translated, "the generated images")
    return translated


def ssim(images: Array, others: Array) -> Array:
    """Structural similarity of pairs of images (Wang et al., 2004).

    Args:
      images: uint8 [B, H, W, 3], height and width at least 11.
      others: uint8 [B, H, W, 3].

    Returns:
      float32 [B]; 1 for equal images.
    """
    import tensorflow as tf

    similarity = tf.image.ssim(
        tf.constant(images),
        tf.constant(others),
        max_val=255,
        filter_size=SSIM_WINDOW,
    )
    return similarity.numpy()


def to_uint8(images: Array) -> Array:
    """Converts pixels in [-1, 1] to bytes, rounded to the nearest and clipped.

    Args:
      images: float of any shape; -1 is black, 1 is 255.

    Returns:
      uint8 of the same shape.
    """
    images = np.asarray(images, np.float32)
    levels = np.rint((images + 1) * 127.5)
    return np.clip(levels, 0, 255).astype(np.uint8)


def _protocol(
    split: DomainImages,
    samples: int,
    seed: int,
) -> dict[str, Any]:
    """The choices that make two papers' numbers differ."""
    height, width = split.images("a", np.arange(1)).shape[1:3]
    protocol = {
        "images": {"a": int(split.count_a), "b": int(split.count_b)},
        "size": [int(height), int(width)],
        "paired": bool(split.paired),
        "l1": "mean absolute difference of pixels in [-1, 1], mean over images",
    }
    if split.paired:
        window = f"Gaussian window of {SSIM_WINDOW} (sigma 1.5), K 0.01 and 0.03"
        protocol["psnr"] = "dB, 8-bit RGB, peak 255, mean over images"
        protocol["ssim"] = f"8-bit RGB, range 255, {window}, mean over colours and images"
    protocol.update(intervals.note("images", samples, seed))
    return protocol
