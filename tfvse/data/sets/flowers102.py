"""Oxford Flowers-102 (Nilsback and Zisserman 2008) with the ten captions of each picture by Reed et al. 2016.

Splits (--variant):
  trainval   2,040 training and 6,149 test pictures, table 7.1 of Liu's thesis; --validation holds some out as val
  official   1,020 training, 1,020 val and 6,149 test pictures
"""

import pathlib

import numpy as np

from tfvse.data import verification
from tfvse.data.formats import mat
from tfvse.data.kinds import captioned, classification
from tfvse.data.sets import labelled
from tfvse.errors import UserError

LAYOUT = """
Flowers-102 is expected in this layout (https://www.robots.ox.ac.uk/~vgg/data/flowers/102/):
  <data_dir>/jpg/image_00001.jpg                          from 102flowers.tgz
  <data_dir>/imagelabels.mat  setid.mat
  <data_dir>/text_c10/class_00001/image_00001.txt         ten captions, one a line; from cvpr2016_flowers.tar.gz of
      https://github.com/reedscot/cvpr2016
"""
VARIANTS = ("trainval", "official")
LICENCE = "Pictures under their owners' terms; for non-commercial research."
SOURCE = "Oxford Flowers-102, Nilsback and Zisserman 2008"
_FILES = ("jpg", "imagelabels.mat", "setid.mat")
_SETS = {"train": "trnid", "val": "valid", "test": "tstid"}


def prepare(flags, folder):
    """From files that were downloaded by hand; the classes are called as Reed's folders are."""
    variant = verification.variant(flags, VARIANTS)
    if flags.validation and variant == "official":
        raise UserError(
            f"--validation={flags.validation}: --variant=official has a val of its own; leave one out"
        )
    root = verification.require(flags.data_dir, (*_FILES, "text_c10"), LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    classes, pictures = _pictures(root, variant)
    splits = {split: [] for split in pictures}
    for split, entries in pictures.items():
        for entry in entries:
            sentences = (root / "text_c10" / classes[entry.label] / entry.id).with_suffix(".txt")
            splits[split] += labelled.read(
                entry.id, entry.picture, sentences, entry.label, findings
            )
    if flags.validation:
        splits["train"], splits["val"] = labelled.hold_out(
            splits["train"], flags.validation, flags.seed
        )
    source = f"{SOURCE}, captions of Reed et al. 2016, splits: {variant}"
    return {
        "licence": LICENCE,
        "source": source,
        **captioned.write(folder, splits, findings, classes),
    }


def prepare_pictures(flags, folder):
    """The pictures and their classes alone; no captions are needed."""
    variant = verification.variant(flags, VARIANTS)
    root = verification.require(flags.data_dir, _FILES, LAYOUT)
    classes, splits = _pictures(root, variant)
    written = classification.write_pictures(
        folder, splits, classes, verification.Findings(flags.skip_bad)
    )
    return {"licence": LICENCE, "source": f"{SOURCE}, splits: {variant}", **written}


def read_numbers(path: pathlib.Path, name: str) -> list[int]:
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


def _pictures(root, variant):
    """(names of the classes, split → `LabelledPicture`s)."""
    path = root / "imagelabels.mat"
    numbers = read_numbers(path, "labels")
    if not numbers or max(numbers) > len(numbers):
        raise UserError(
            f"{path}: does not number {len(numbers)} images' classes; download it again"
        )

    classes = tuple(f"class_{number:05d}" for number in range(1, max(numbers) + 1))
    splits = {
        split: _entries(root, numbers, read_numbers(root / "setid.mat", name))
        for split, name in _SETS.items()
    }
    if variant == "trainval":
        splits["train"] += splits.pop("val")
    return classes, splits


def _entries(root, numbers, rows):
    """The pictures of one split; `rows` count the pictures from 1, `numbers` the classes."""
    found = []
    for row in rows:
        if not 1 <= row <= len(numbers):
            raise UserError(
                f"{root / 'setid.mat'}: names picture {row} of {len(numbers)}; download both .mat again"
            )
        name = f"image_{row:05d}.jpg"
        found.append(
            classification.LabelledPicture(name, root / "jpg" / name, numbers[row - 1] - 1)
        )
    return found
