"""Sets for the retrieval of the same scene or object: every group of images is a class."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds.classification import LabelledImage, write_images
from tfvse.data.sets.options import FileOptions
from tfvse.errors import UserError

HOLIDAYS_LAYOUT = """
INRIA Holidays is expected in this layout (https://lear.inrialpes.fr/~jegou/data.php):
  <data_dir>/100000.jpg 100001.jpg ...      from jpg1.tar.gz and jpg2.tar.gz, all in one folder:
      1,491 images; the first four digits name the group, its query ends in 00
"""
UKB_LAYOUT = """
UKBench is expected in this layout (https://archive.org/details/ukbench):
  <data_dir>/ukbench00000.jpg ...           10,200 images; four in a row show one object
"""


@dataclasses.dataclass(frozen=True)
class Options(FileOptions):
    """Options of holidays and ukb."""


def prepare_holidays(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes all images as the split test; the name of a group's query ends in 00."""
    root = verification.require(options.data_dir, (), HOLIDAYS_LAYOUT)
    groups = {path: _number(path, r"(\d{4})\d\d", HOLIDAYS_LAYOUT) for path in images.files(root)}
    queries = {group for path, group in groups.items() if path.stem.endswith("00")}
    alone = sorted(set(groups.values()) - queries)
    if alone:
        raise UserError(
            f"{root}: group {alone[0]} has no query, {alone[0]}00.jpg; unpack the images again"
        )
    return _write(options, folder, groups, "INRIA Holidays, Jegou et al. 2008")


def prepare_ukb(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes all images as the split test."""
    root = verification.require(options.data_dir, (), UKB_LAYOUT)
    groups = {}
    for path in images.files(root):
        number = int(_number(path, r"ukbench(\d{5})", UKB_LAYOUT))
        groups[path] = f"{number // 4:04d}"
    return _write(options, folder, groups, "UKBench, Nister and Stewenius 2006")


def _number(
    path: pathlib.Path,
    pattern: str,
    layout: str,
) -> str:
    """The digits in the name of an image; UserError where it does not match `pattern`."""
    match = re.fullmatch(pattern, path.stem)
    if not match:
        raise UserError(
            f"{path}: is not named like the images of this set; expected is:{layout.rstrip()}"
        )
    return match.group(1)


def _write(
    options: Options,
    folder: pathlib.Path,
    groups: Mapping[pathlib.Path, str],
    source: str,
) -> dict[str, Any]:
    """Writes images, path → group, as the split test."""
    classes = sorted(set(groups.values()))
    if not classes:
        raise UserError(f"--data_dir={options.data_dir}: holds no image; unpack the set there")
    numbers = {name: number for number, name in enumerate(classes)}
    entries = [LabelledImage(path.name, path, numbers[group]) for path, group in groups.items()]
    findings = verification.Findings(options.skip_bad)
    written = write_images(folder, {"test": entries}, classes, findings)
    return {"source": source, **written}
