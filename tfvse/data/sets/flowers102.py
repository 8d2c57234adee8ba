"""Oxford Flowers-102 (Nilsback and Zisserman 2008), with captions by Reed et al. 2016.

Splits (--variant):
  trainval   2,040 training and 6,149 test images, table 7.1 of Liu's thesis; --validation holds
             some out as val
  official   1,020 training, 1,020 val and 6,149 test images
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.formats import mat
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.kinds.classification import LabelledImage, write_images
from tfvse.data.sets import labelled
from tfvse.data.sets.options import FileOptions, ValidationOptions
from tfvse.errors import UserError

LAYOUT = """
Flowers-102 is expected in this layout (https://www.robots.ox.ac.uk/~vgg/data/flowers/102/):
  <data_dir>/jpg/image_00001.jpg                       from 102flowers.tgz
  <data_dir>/imagelabels.mat  setid.mat
  <data_dir>/text_c10/class_00001/image_00001.txt      ten captions, one a line; from
      cvpr2016_flowers.tar.gz of https://github.com/reedscot/cvpr2016
"""
VARIANTS = ("trainval", "official")
SOURCE = "Oxford Flowers-102, Nilsback and Zisserman 2008"
_FILES = ("jpg", "imagelabels.mat", "setid.mat")
_SETS = {"train": "trnid", "val": "valid", "test": "tstid"}


@dataclasses.dataclass(frozen=True)
class ImageOptions(FileOptions):
    """Options of flowers102_pictures."""

    variant: str = setting(VARIANTS[0], "the splits", choices=VARIANTS)


@dataclasses.dataclass(frozen=True)
class Options(ValidationOptions, ImageOptions):
    """Options of flowers102."""

    def check(self) -> None:
        """Raises `UserError` where there would be two validation splits."""
        super().check()
        if self.validation and self.variant == "official":
            raise UserError(
                f"--validation={self.validation}: --variant=official has a val of its own; leave "
                "one out"
            )


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes files that were downloaded by hand; the classes are called as Reed's folders are."""
    root = verification.require(options.data_dir, (*_FILES, "text_c10"), LAYOUT)
    findings = verification.Findings(options.skip_bad)
    classes, entries = _splits_in(root, options.variant)
    splits: dict[str, list[Captioned]] = {}
    for split, found in entries.items():
        splits[split] = []
        for entry in found:
            texts = (root / "text_c10" / classes[entry.label] / entry.id).with_suffix(".txt")
            splits[split] += labelled.read(entry, texts, findings)
    if options.validation:
        splits["train"], splits["val"] = labelled.hold_out(
            splits["train"], options.validation, options.seed
        )
    written = captioned.write(folder, splits, findings, classes)
    source = f"{SOURCE}, captions of Reed et al. 2016, splits: {options.variant}"
    return {"source": source, **written}


def prepare_images(
    options: ImageOptions,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the images and their classes alone; no captions are needed."""
    root = verification.require(options.data_dir, _FILES, LAYOUT)
    classes, splits = _splits_in(root, options.variant)
    written = write_images(folder, splits, classes, verification.Findings(options.skip_bad))
    return {"source": f"{SOURCE}, splits: {options.variant}", **written}


def read_numbers(
    path: pathlib.Path,
    name: str,
) -> list[int]:
    """The whole numbers, from 1 on, that a .mat file calls `name`.

    Raises:
      UserError: the file is missing, damaged, or has no such numbers.
    """
    try:
        found = mat.read(path).get(name)
    except mat.BadMat as error:
        raise UserError(f"{path}: {error}; download it again") from None

    numbers = np.asarray(found).ravel()
    if numbers.dtype.kind not in "iuf" or not ((numbers >= 1) & (numbers % 1 == 0)).all():
        raise UserError(f"{path}: does not hold the numbers {name}; download it again")
    return [int(number) for number in numbers]


def _splits_in(
    root: pathlib.Path,
    variant: str,
) -> tuple[tuple[str, ...], dict[str, list[LabelledImage]]]:
    """(names of the classes, split → images)."""
    path = root / "imagelabels.mat"
    numbers = read_numbers(path, "labels")
    if not numbers or max(numbers) > len(numbers):
        raise UserError(
            f"{path}: does not number {len(numbers)} images' classes; download it again"
        )

    classes = tuple(f"class_{number:05d}" for number in range(1, max(numbers) + 1))
    splits = {}
    for split, name in _SETS.items():
        rows = read_numbers(root / "setid.mat", name)
        splits[split] = _entries(root, numbers, rows)
    if variant == "trainval":
        splits["train"] += splits.pop("val")
    return classes, splits


def _entries(
    root: pathlib.Path,
    numbers: Sequence[int],
    rows: Sequence[int],
) -> list[LabelledImage]:
    """The images of one split; `rows` count the images from 1, `numbers` the classes."""
    found = []
    for row in rows:
        if not 1 <= row <= len(numbers):
            raise UserError(
                f"{root / 'setid.mat'}: names image {row} of {len(numbers)}; download both .mat "
                "again"
            )
        name = f"image_{row:05d}.jpg"
        found.append(LabelledImage(name, root / "jpg" / name, numbers[row - 1] - 1))
    return found
