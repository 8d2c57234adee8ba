"""Two domains of images in two folders."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import translation
from tfvse.data.kinds.translation import DomainImage
from tfvse.data.sets.options import FileOptions, HeldOutOptions
from tfvse.data.sets.splits import SPLITS, by_share
from tfvse.errors import UserError

LAYOUT = """
Two domains are expected in one of three layouts (--folder_a and --folder_b give the names, default
A and B):
  1. <data_dir>/trainA/*.jpg  trainB  valA  valB  testA  testB
     as CycleGAN's own data sets
  2. <data_dir>/train/A/*.jpg  train/B  val/A  val/B  test/A  test/B
     for example --folder_a=photos --folder_b=sketches
  3. <data_dir>/A/*.jpg  B
     without splits: --held_out draws val and test
val and test may be absent.
With --paired, images of the same name (without extension) belong together.
"""
_ALL = "all"  # the split of a layout without splits

Pair = tuple[list[DomainImage], list[DomainImage]]


@dataclasses.dataclass(frozen=True)
class Options(HeldOutOptions, FileOptions):
    """Options of two_folders; the splits are drawn where the folder has none."""

    folder_a: str = setting("A", "name of domain a's folder")
    folder_b: str = setting("B", "name of domain b's folder")
    paired: bool = setting(False, "images of the same name belong together")


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes two folders of the user's own."""
    root = verification.require(options.data_dir, (), LAYOUT)
    domain_a = _find_domain(root, options.folder_a)
    domain_b = _find_domain(root, options.folder_b)
    splits = {}
    for split in domain_a:
        if split in domain_b:
            splits[split] = (domain_a[split], domain_b[split])
    if "train" not in splits and _ALL not in splits:
        needed = (f"train{options.folder_a}", f"train{options.folder_b}")
        verification.require(root, needed, LAYOUT)

    if options.paired:
        splits = {split: _pair(*pair, split) for split, pair in splits.items()}
    if _ALL in splits:
        splits = _draw_splits(splits[_ALL], options)
    findings = verification.Findings(options.skip_bad)
    written = translation.write(folder, splits, options.paired, findings)
    return {"source": f"folders {options.folder_a} and {options.folder_b}", **written}


def _find_domain(
    root: pathlib.Path,
    name: str,
) -> dict[str, list[DomainImage]]:
    """split → images of one domain; the split is called "all" in a layout without splits."""
    found = {}
    for split in SPLITS:
        for place in (f"{split}{name}", f"{split}/{name}"):
            if (root / place).is_dir():
                found[split] = _entries(root / place, split)
    if "train" not in found and (root / name).is_dir():
        found[_ALL] = _entries(root / name, _ALL)
    return found


def _entries(
    folder: pathlib.Path,
    split: str,
) -> list[DomainImage]:
    """The images of a folder."""
    return [DomainImage(f"{split}/{path.name}", path) for path in images.files(folder)]


def _by_stem(entries: Sequence[DomainImage]) -> dict[str, DomainImage]:
    """Name without extension → image; the entries hold paths."""
    return {pathlib.Path(str(entry.image)).stem: entry for entry in entries}


def _pair(
    a: list[DomainImage],
    b: list[DomainImage],
    split: str,
) -> Pair:
    """Both lists in the order of the names, when the names are the same.

    Raises:
      UserError: an image has no partner, or two share a name.
    """
    stems_a = _by_stem(a)
    stems_b = _by_stem(b)
    alone = sorted(stems_a.keys() ^ stems_b.keys())
    if alone:
        raise UserError(
            f"--paired: {alone[0]} and {len(alone) - 1} others of {split} have no partner"
        )
    if len(stems_a) != len(a) or len(stems_b) != len(b):
        raise UserError(
            f"--paired: two images of {split} differ only in their extension; rename one of them"
        )
    names = sorted(stems_a)
    return [stems_a[name] for name in names], [stems_b[name] for name in names]


def _draw_splits(
    pair: Pair,
    options: Options,
) -> dict[str, Pair]:
    """Seeded train, val and test of two lists; of pairs, when they are paired."""
    rows_a = by_share(len(pair[0]), options.held_out, options.seed)
    rows_b = by_share(len(pair[1]), options.held_out, options.seed)
    splits = {}
    for split in SPLITS:
        a = [pair[0][row] for row in rows_a[split]]
        b = [pair[1][row] for row in rows_b[split]]
        if a and b:
            splits[split] = (a, b)
    return splits
