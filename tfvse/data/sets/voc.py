"""PASCAL VOC 2012, segmentation: 20 classes of objects and the background."""

import dataclasses
import pathlib
from typing import Any

from tfvse import reading
from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.kinds import segmentation
from tfvse.data.kinds.segmentation import LabelledPixels
from tfvse.data.sets.options import FileOptions

LAYOUT = """
PASCAL VOC 2012 is expected as VOCtrainval_11-May-2012.tar unpacks
(http://host.robots.ox.ac.uk/pascal/VOC/voc2012/):
  <data_dir>/JPEGImages/2007_000032.jpg            <data_dir> is VOCdevkit/VOC2012
  <data_dir>/SegmentationClass/2007_000032.png
  <data_dir>/ImageSets/Segmentation/{train,val}.txt
--variant=official: train 1,464, val 1,449.
--variant=merged: training with the masks of SBD (Hariharan et al., 2011) needs as well
  <data_dir>/SegmentationClassAug/*.png            the masks of both as PNG
  <data_dir>/ImageSets/Segmentation/trainaug.txt   names of the training images, one a line
and val is what val.txt has and trainaug.txt has not. Where trainaug.txt is VOC's train.txt and
SBD's train.txt (8,498 names) in one, 904 are left, the set of FCN and of the thesis; the widespread
list of 10,582 leaves all 1,449.
"""
CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
# Variant → (list of the training images, folder of their masks).
VARIANTS = {
    "merged": ("trainaug", "SegmentationClassAug"),
    "official": ("train", "SegmentationClass"),
}
LISTS = "ImageSets/Segmentation"


@dataclasses.dataclass(frozen=True)
class Options(FileOptions):
    """Options of voc2012."""

    variant: str = setting("merged", "the training images", choices=tuple(VARIANTS))


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes train and val; the official test split has no public masks."""
    listing, masks = VARIANTS[options.variant]
    lists = (f"{LISTS}/{listing}.txt", f"{LISTS}/val.txt")
    needed = ("JPEGImages", "SegmentationClass", masks, *lists)
    root = verification.require(options.data_dir, needed, LAYOUT)
    findings = verification.Findings(options.skip_bad)
    train = _read_list(root / lists[0], findings)
    official = _read_list(root / lists[1], findings)
    known = set(train)
    val = [name for name in official if name not in known]
    if len(val) < len(official):
        findings.remark(
            f"val: {len(val):,} of {len(official):,} images, the others are for training"
        )

    splits = {
        "train": _entries(root, train, masks),
        "val": _entries(root, val, "SegmentationClass"),
    }
    written = segmentation.write(folder, splits, CLASSES, colours(len(CLASSES)), findings)
    source = "PASCAL VOC 2012"
    if options.variant == "merged":
        source += ", masks of SBD, Hariharan et al. 2011"
    return {"source": source, **written}


def _entries(
    root: pathlib.Path,
    names: list[str],
    masks: str,
) -> list[LabelledPixels]:
    """The images called `names` with their label maps of the folder `masks`."""
    found = []
    for name in names:
        image = root / f"JPEGImages/{name}.jpg"
        found.append(LabelledPixels(name, image, root / masks / f"{name}.png"))
    return found


def _read_list(
    path: pathlib.Path,
    findings: verification.Findings,
) -> list[str]:
    """The names in a list file, each once."""
    names = [line.strip() for line in reading.read_lines(path) if line.strip()]
    verification.check_unique(names, path, findings)
    return list(dict.fromkeys(names))


def colours(count: int) -> list[tuple[int, int, int]]:
    """VOC's colours.

    Args:
      count: number of classes.

    Returns:
      `count` RGB: bit 3b + c of a label is bit 7 - b of its channel c.
    """
    found = []
    for label in range(count):
        channels = [0, 0, 0]
        for level in range(3):
            for channel in range(3):
                bit = label >> (3 * level + channel) & 1
                channels[channel] |= bit << (7 - level)
        red, green, blue = channels
        found.append((red, green, blue))
    return found
