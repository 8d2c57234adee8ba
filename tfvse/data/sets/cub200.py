"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011), with captions by Reed et al. 2016."""

import dataclasses
import pathlib
from typing import Any

from tfvse import reading
from tfvse.data import verification
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.kinds.classification import LabelledImage, write_images
from tfvse.data.sets import labelled
from tfvse.data.sets.options import FileOptions, ValidationOptions
from tfvse.errors import UserError

LAYOUT = """
CUB-200-2011 is expected in this layout (https://www.vision.caltech.edu/datasets/cub_200_2011/):
  <data_dir>/CUB_200_2011/classes.txt images.txt image_class_labels.txt train_test_split.txt
  <data_dir>/CUB_200_2011/images/001.Black_footed_Albatross/*.jpg
  <data_dir>/text_c10/001.Black_footed_Albatross/*.txt        ten captions an image, one a line;
      from cvpr2016_cub.tar.gz of https://github.com/reedscot/cvpr2016
"""
SOURCE = "CUB-200-2011, Wah et al. 2011"
_LISTS = ("classes.txt", "images.txt", "image_class_labels.txt", "train_test_split.txt")
_FILES = tuple(f"CUB_200_2011/{name}" for name in (*_LISTS, "images"))
_SPLITS = {"1": "train", "0": "test"}  # what train_test_split.txt says → split


@dataclasses.dataclass(frozen=True)
class Options(ValidationOptions, FileOptions):
    """Options of cub200."""


@dataclasses.dataclass(frozen=True)
class ImageOptions(FileOptions):
    """Options of cub200_pictures."""


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the official splits: 5,994 training and 5,794 test images.

    --validation holds some of the first out as val.
    """
    root = verification.require(options.data_dir, (*_FILES, "text_c10"), LAYOUT)
    findings = verification.Findings(options.skip_bad)
    classes, entries = _entries(root)
    splits: dict[str, list[Captioned]] = {}
    for split, found in entries.items():
        splits[split] = []
        for entry in found:
            texts = (root / "text_c10" / entry.id).with_suffix(".txt")
            splits[split] += labelled.read(entry, texts, findings)
    if options.validation:
        splits["train"], splits["val"] = labelled.hold_out(
            splits["train"], options.validation, options.seed
        )
    written = captioned.write(folder, splits, findings, classes)
    return {"source": f"{SOURCE}, captions of Reed et al. 2016, official splits", **written}


def prepare_images(
    options: ImageOptions,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the images and their classes alone; no captions are needed."""
    root = verification.require(options.data_dir, _FILES, LAYOUT)
    classes, splits = _entries(root)
    written = write_images(folder, splits, classes, verification.Findings(options.skip_bad))
    return {"source": f"{SOURCE}, official splits", **written}


def _entries(root: pathlib.Path) -> tuple[tuple[str, ...], dict[str, list[LabelledImage]]]:
    """(names of the classes, split → images)."""
    lists = [_read(root / "CUB_200_2011" / name) for name in _LISTS]
    names, files, class_of, is_train = lists
    numbers = {key: number for number, key in enumerate(names)}
    splits: dict[str, list[LabelledImage]] = {"train": [], "test": []}
    for key, name in files.items():
        try:
            label = numbers[class_of[key]]
            split = _SPLITS[is_train[key]]
        except KeyError:
            raise UserError(
                f"{root / 'CUB_200_2011'}: image {key} of images.txt has no class or no 0 or 1 in "
                "the other lists; unpack them again"
            ) from None
        path = root / "CUB_200_2011" / "images" / name
        splits[split].append(LabelledImage(name, path, label))
    return tuple(names.values()), splits


def _read(path: pathlib.Path) -> dict[str, str]:
    """First word → second word of every line."""
    rows = {}
    for number, line in enumerate(reading.read_lines(path), start=1):
        words = line.split()
        if len(words) != 2 or words[0] in rows:
            raise UserError(
                f"{path}, line {number}: must be a number of its own and a word; unpack the list "
                "again"
            )
        rows[words[0]] = words[1]
    return rows
