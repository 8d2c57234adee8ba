"""Boundaries of BSDS500 (Arbelaez et al., 2011) and NYUD (Silberman et al., 2012).

NYUD has the splits of Gupta et al. (2013).
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.boundaries import read_annotations
from tfvse.data.kinds import edge_records
from tfvse.data.kinds.edge_records import EdgeImage
from tfvse.data.sets.options import EdgeMapOptions
from tfvse.data.sets.splits import SPLITS
from tfvse.errors import UserError

BSDS500_LAYOUT = """
BSDS500 is expected in its official layout, at --data_dir or in its folder BSDS500 or BSR/BSDS500:
  data/images/{train,val,test}/*.jpg      data/groundTruth/{train,val,test}/*.mat
http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz
A split may be absent.
"""
NYUD_LAYOUT = """
NYUD is expected as the structured edge detection toolbox and HED use it, with the splits of Gupta
et al.:
  <data_dir>/{train,val,test}/images/*.{png,jpg}      <data_dir>/{train,val,test}/groundTruth/*.mat
A split may be absent. Evaluate it with --max_distance=0.011.
"""


@dataclasses.dataclass(frozen=True)
class Options(EdgeMapOptions):
    """Options of bsds500 and nyud."""


def prepare_bsds500(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes 200 training, 100 validation and 200 test images, about five annotators each."""
    root = verification.require(options.data_dir, (), BSDS500_LAYOUT)
    places = [root / place / "data" for place in ("", "BSDS500", "BSR/BSDS500")]
    root = next((place for place in places if (place / "images").is_dir()), places[0])
    splits = {}
    for split in SPLITS:
        splits[split] = (root / "images" / split, root / "groundTruth" / split)
    return _prepare(options, folder, splits, BSDS500_LAYOUT, "BSDS500")


def prepare_nyud(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes 381 training, 414 validation and 654 test images, one annotation each."""
    root = verification.require(options.data_dir, (), NYUD_LAYOUT)
    splits = {}
    for split in SPLITS:
        splits[split] = (root / split / "images", root / split / "groundTruth")
    return _prepare(options, folder, splits, NYUD_LAYOUT, "NYUD v2")


def _prepare(
    options: Options,
    folder: pathlib.Path,
    places: Mapping[str, tuple[pathlib.Path, pathlib.Path]],
    layout: str,
    source: str,
) -> dict[str, Any]:
    """Writes the splits that are there.

    Args:
      options: of the data set.
      folder: where to.
      places: split → (folder of images, folder of annotations).
      layout: shown where no split is there.
      source: the manifest's "source".
    """
    found = {}
    for split, (image_folder, annotations) in places.items():
        if image_folder.is_dir():
            found[split] = _entries(image_folder, annotations, options.edge_maps)
    if not found:
        first, _ = next(iter(places.values()))
        verification.require(options.data_dir, [str(first)], layout)
    written = edge_records.write(folder, found, verification.Findings(options.skip_bad))
    return {"source": source, **written}


def _entries(
    image_folder: pathlib.Path,
    annotations: pathlib.Path,
    edge_maps: str,
) -> list[EdgeImage]:
    """Every image of a folder, with the .mat file of its name and its edge map."""
    found = []
    for path in images.files(image_folder):
        drawn = annotations / f"{path.stem}.mat"
        if not drawn.is_file():
            raise UserError(f"{path}: has no annotation {drawn}; every image needs one")
        read = functools.partial(read_annotations, drawn)
        found.append(EdgeImage(path.stem, path, read, find_edge_map(edge_maps, path.stem)))
    return found


def find_edge_map(
    folder: str,
    name: str,
) -> pathlib.Path | None:
    """The .png or .mat file called `name` in the folder of --edge_maps; None without a folder.

    Raises:
      UserError: there is none.
    """
    if not folder:
        return None
    for suffix in (".png", ".mat"):
        path = pathlib.Path(folder) / f"{name}{suffix}"
        if path.is_file():
            return path
    raise UserError(
        f"--edge_maps={folder}: holds no {name}.png or {name}.mat; every image needs its edge map"
    )
