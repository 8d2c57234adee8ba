"""Images in one folder for each class: ImageNet, scenes, or a person's own."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tfvse import reading
from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds.classification import LabelledImage, write_images
from tfvse.data.sets.options import FileOptions, HeldOutOptions
from tfvse.data.sets.splits import SPLITS, by_class
from tfvse.errors import UserError

LAYOUT = """
Images in folders are expected in one of two layouts:
  1. <data_dir>/train/<class>/*.jpg  val/<class>/*.jpg  test/<class>/*.jpg
     val and test may be absent
  2. <data_dir>/<class>/*.jpg
     without splits: --held_out draws a share of every class for val and for test;
     --train_per_class=100 draws so many for train, the rest is test (Scene-15)
"""
IMAGENET_LAYOUT = """
ImageNet 2012 is expected in one of two forms (https://image-net.org/download-images.php, after
registration):
  1. <data_dir>/train/n01440764/*.JPEG  val/n01440764/*.JPEG
     the validation images sorted into folders as well
  2. no --data_dir: from TensorFlow Datasets (pip install ".[tfds]"), with
     ILSVRC2012_img_train.tar and _val.tar in its folder for downloads by hand
"""
INDOOR67_LAYOUT = """
MIT Indoor-67 is expected in this layout (https://web.mit.edu/torralba/www/indoor.html):
  <data_dir>/Images/airport_inside/*.jpg  TrainImages.txt  TestImages.txt
     the lists: airport_inside/x.jpg a line
"""


@dataclasses.dataclass(frozen=True)
class ListedOptions(FileOptions):
    """Options of imagenet and indoor67."""


@dataclasses.dataclass(frozen=True)
class Options(HeldOutOptions, FileOptions):
    """Options of class_folders; the splits are drawn where the folder has none."""

    train_per_class: int = setting(
        0, "training images of a class, the rest is test; 0: as --held_out says", low=0
    )


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes folders of classes, of the user's own or of a public set."""
    root = verification.require(options.data_dir, (), LAYOUT)
    if (root / "train").is_dir():
        classes, splits = _splits_in(root)
    else:
        classes = _classes_in(root)
        entries = _entries(root, root, classes)
        if not entries:
            raise UserError(f"{root}: its {len(classes)} folders hold no images; check the layout")
        splits = _draw(entries, options)
    findings = verification.Findings(options.skip_bad)
    written = write_images(folder, splits, classes, findings)
    return {"source": f"{len(classes):,} folders of images", **written}


def _draw(
    entries: Sequence[LabelledImage],
    options: Options,
) -> dict[str, list[LabelledImage]]:
    """Seeded splits of every class."""
    rows = by_class(
        [entry.label for entry in entries],
        options.held_out,
        options.seed,
        options.train_per_class,
    )
    splits = {}
    for split, found in rows.items():
        splits[split] = [entries[row] for row in found]
    return splits


def prepare_imagenet(
    options: ListedOptions,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the 1.2 million training and 50,000 validation images of ILSVRC 2012."""
    splits: dict[str, Any]
    if options.data_dir:
        root = verification.require(options.data_dir, ("train", "val"), IMAGENET_LAYOUT)
        classes, splits = _splits_in(root)
    else:
        theirs = {"train": "train", "val": "validation"}
        info, sets = load_tfds("imagenet2012", theirs, ("image",))
        classes = info.features["label"].names
        splits = {split: _TfdsImages(split, found) for split, found in sets.items()}
    written = write_images(folder, splits, classes, verification.Findings(options.skip_bad))
    return {"source": "ImageNet, ILSVRC 2012, Russakovsky et al. 2015", **written}


def prepare_indoor67(
    options: ListedOptions,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes MIT Indoor-67 in its official lists: 5,360 training and 1,340 test images."""
    lists = {"train": "TrainImages.txt", "test": "TestImages.txt"}
    root = verification.require(options.data_dir, ("Images", *lists.values()), INDOOR67_LAYOUT)
    classes = _classes_in(root / "Images")
    splits = {split: _listed(root, name, classes) for split, name in lists.items()}
    written = write_images(folder, splits, classes, verification.Findings(options.skip_bad))
    return {"source": "MIT Indoor-67, Quattoni and Torralba 2009, official lists", **written}


def _classes_in(root: pathlib.Path) -> list[str]:
    """Names of the folders of `root`; hidden ones are passed over."""
    folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    classes = sorted(path.name for path in folders)
    for name in classes:
        if not verification.is_text(name):
            raise UserError(f"{root / name}: the folder's name is no UTF-8; rename it")
    if len(classes) < 2:
        raise UserError(
            f"{root}: must hold at least two folders, one for each class; it holds {len(classes)}"
        )
    return classes


def _splits_in(root: pathlib.Path) -> tuple[list[str], dict[str, list[LabelledImage]]]:
    """(classes, split → images) of train/<class>, val/<class>, test/<class>."""
    classes = _classes_in(root / "train")
    splits = {}
    for split in SPLITS:
        if not (root / split).is_dir():
            continue
        unknown = sorted(set(_classes_in(root / split)) - set(classes))
        if unknown:
            raise UserError(
                f"{root / split / unknown[0]}: {root / 'train'} has no such class; add it, or "
                "remove this"
            )
        splits[split] = _entries(root, root / split, classes)
    return classes, splits


def _entries(
    root: pathlib.Path,
    folder: pathlib.Path,
    classes: Sequence[str],
) -> list[LabelledImage]:
    """The images of `folder`, class by class; their ids are paths below `root`."""
    found = []
    for label, name in enumerate(classes):
        if not (folder / name).is_dir():
            continue
        for path in images.files(folder / name):
            found.append(LabelledImage(path.relative_to(root).as_posix(), path, label))
    return found


def _listed(
    root: pathlib.Path,
    name: str,
    classes: Sequence[str],
) -> list[LabelledImage]:
    """The images that the list `name` of Indoor-67 holds."""
    numbers = {of_class: number for number, of_class in enumerate(classes)}
    found = []
    for line_number, line in enumerate(reading.read_lines(root / name), start=1):
        path = line.strip()
        if not path:
            continue
        of_class = path.split("/")[0]
        if path.count("/") != 1 or of_class not in numbers:
            raise UserError(
                f"{root / name}, line {line_number}: must be <class>/<image> of {root / 'Images'}"
            )
        found.append(LabelledImage(path, root / "Images" / path, numbers[of_class]))
    return found


class _TfdsImages:
    """The encoded images of one split, read anew each time they are gone through."""

    def __init__(
        self,
        split: str,
        examples: tf.data.Dataset,
    ) -> None:
        """Refers to the `examples` of TensorFlow Datasets."""
        self.split = split
        self.examples = examples

    def __iter__(self) -> Iterator[LabelledImage]:
        """The images in their order."""
        for number, example in enumerate(self.examples.as_numpy_iterator()):
            name = f"{self.split}-{number:07d}"
            yield LabelledImage(name, example["image"], int(example["label"]))
