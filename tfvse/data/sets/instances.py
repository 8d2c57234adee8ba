"""Sets for the retrieval of the same scene or object, in their official layouts: every group of pictures is a class."""

import re

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds.classification import LabelledPicture, write_pictures
from tfvse.errors import UserError

HOLIDAYS_LAYOUT = """
INRIA Holidays is expected in this layout (https://lear.inrialpes.fr/~jegou/data.php):
  <data_dir>/100000.jpg 100001.jpg ...      from jpg1.tar.gz and jpg2.tar.gz, all in one folder: 1,491 pictures; the
                                            first four digits name the group, its query ends in 00
"""
UKB_LAYOUT = """
UKBench is expected in this layout (https://archive.org/details/ukbench):
  <data_dir>/ukbench00000.jpg ...           10,200 pictures; four in a row show one object
"""


def prepare_holidays(flags, folder):
    """All pictures are in the split test; the query of a group is the one whose name ends in 00."""
    root = verification.require(flags.data_dir, (), HOLIDAYS_LAYOUT)
    groups = {path: _number(path, r"(\d{4})\d\d", HOLIDAYS_LAYOUT) for path in images.files(root)}
    queries = {group for path, group in groups.items() if path.stem.endswith("00")}
    alone = sorted(set(groups.values()) - queries)
    if alone:
        raise UserError(
            f"{root}: group {alone[0]} has no query, {alone[0]}00.jpg; unpack the pictures again"
        )
    return _write(flags, folder, groups, "INRIA Holidays, Jegou et al. 2008")


def prepare_ukb(flags, folder):
    """All pictures are in the split test."""
    root = verification.require(flags.data_dir, (), UKB_LAYOUT)
    numbers = {
        path: int(_number(path, r"ukbench(\d{5})", UKB_LAYOUT)) for path in images.files(root)
    }
    groups = {path: f"{number // 4:04d}" for path, number in numbers.items()}
    return _write(flags, folder, groups, "UKBench, Nister and Stewenius 2006")


def _number(path, pattern, layout):
    match = re.fullmatch(pattern, path.stem)
    if not match:
        raise UserError(
            f"{path}: is not named like the pictures of this set; expected is:{layout.rstrip()}"
        )
    return match.group(1)


def _write(flags, folder, groups, source):
    classes = sorted(set(groups.values()))
    if not classes:
        raise UserError(f"--data_dir={flags.data_dir}: holds no picture; unpack the set there")
    numbers = {name: number for number, name in enumerate(classes)}
    entries = [LabelledPicture(path.name, path, numbers[group]) for path, group in groups.items()]
    written = write_pictures(
        folder, {"test": entries}, classes, verification.Findings(flags.skip_bad)
    )
    return {
        "licence": "Pictures under their owners' terms; for research.",
        "source": source,
        **written,
    }
