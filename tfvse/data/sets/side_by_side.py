"""Two domains of images in the side-by-side layout of pix2pix, such as CMP Facades."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import translation
from tfvse.data.kinds.translation import DomainImage
from tfvse.data.sets.options import FileOptions
from tfvse.data.sets.splits import SPLITS

LAYOUT = """
The side-by-side layout of pix2pix is expected:
  <data_dir>/{train,val,test}/*.jpg
     each twice as wide as high: one domain on the left, the other on the right
CMP Facades: http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz
(photographs left, labels right; --a_side says which side is domain a). A split may be absent.
"""


@dataclasses.dataclass(frozen=True)
class Options(FileOptions):
    """Options of facades."""

    a_side: str = setting("left", "the side that is domain a", choices=("left", "right"))


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes images that hold both domains; the halves become PNG, without a second JPEG loss."""
    root = verification.require(options.data_dir, ("train",), LAYOUT)
    findings = verification.Findings(options.skip_bad)
    splits = {}
    for split in SPLITS:
        if (root / split).is_dir():
            splits[split] = _pairs(root / split, options.a_side, findings)
    written = translation.write(folder, splits, True, findings)
    source = (
        f"CMP Facades, Tylecek and Sara 2013, as pix2pix has it; domain a is the {options.a_side} "
        "half"
    )
    return {"source": source, **written}


def _pairs(
    folder: pathlib.Path,
    a_side: str,
    findings: verification.Findings,
) -> tuple[list[DomainImage], list[DomainImage]]:
    """The images of both domains in a folder."""
    a = []
    b = []
    for path in images.files(folder):
        pair = _halves(path, a_side, findings)
        if pair is not None:
            a.append(pair[0])
            b.append(pair[1])
    return a, b


def _halves(
    path: pathlib.Path,
    a_side: str,
    findings: verification.Findings,
) -> tuple[DomainImage, DomainImage] | None:
    """The images of both domains in one file, or None when it cannot be used."""
    try:
        data = images.verify(path)
    except images.BadImage as problem:
        findings.add("bad image", f"{path}: image {problem}")
        return None
    pixels = images.pixels(data)
    height, width = pixels.shape[:2]
    if width != 2 * height:
        fault = f"is {width} x {height}, must be twice as wide as high"
        findings.add("bad image", f"{path}: {fault}")
        return None

    name = f"{path.parent.name}/{path.name}"
    left = _entry(name, pixels[:, :height])
    right = _entry(name, pixels[:, height:])
    return (left, right) if a_side == "left" else (right, left)


def _entry(
    name: str,
    pixels: np.ndarray,
) -> DomainImage:
    """An image of uint8 [H, H, 3] pixels."""
    return DomainImage(name, images.encode_png(np.ascontiguousarray(pixels)))
