"""Two domains of images from TensorFlow Datasets' cycle_gan, such as horse2zebra."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds import translation
from tfvse.data.kinds.translation import DomainImage
from tfvse.data.sets.options import SetOptions
from tfvse.errors import UserError

_NAMES = ("trainA", "trainB", "testA", "testB")


@dataclasses.dataclass(frozen=True)
class Options(SetOptions):
    """Options of cycle_gan."""

    variant: str = setting("", "name of a data set of cycle_gan, such as horse2zebra")


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the data set of cycle_gan that --variant names."""
    if not options.variant:
        raise UserError(
            "--variant: missing; name a data set of cycle_gan, such as --variant=horse2zebra"
        )
    theirs = {name: name for name in _NAMES}
    _, sets = load_tfds(f"cycle_gan/{options.variant}", theirs, ("image",))
    entries = {name: _TfdsImages(name, examples) for name, examples in sets.items()}
    splits: dict[str, Any] = {
        "train": (entries["trainA"], entries["trainB"]),
        "test": (entries["testA"], entries["testB"]),
    }
    written = translation.write(folder, splits, False, verification.Findings(options.skip_bad))
    return {"source": f"TensorFlow Datasets cycle_gan/{options.variant}", **written}


class _TfdsImages:
    """The encoded images of one split, read anew each time they are gone through."""

    def __init__(
        self,
        name: str,
        examples: tf.data.Dataset,
    ) -> None:
        """Refers to the `examples` of TensorFlow Datasets."""
        self.name = name
        self.examples = examples

    def __iter__(self) -> Iterator[DomainImage]:
        """The images in their order."""
        for number, example in enumerate(self.examples.as_numpy_iterator()):
            yield DomainImage(f"{self.name}-{number:06d}", example["image"])
