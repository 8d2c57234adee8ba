"""Coarse edge annotations (chapter 3, section 3.3): the outlines of a segmentation set.

RDS trains on them before BSDS500.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfvse.data import manifest, records, verification
from tfvse.data.formats import mat
from tfvse.data.formats.boundaries import MAX_PIXELS
from tfvse.data.kinds import edge_records
from tfvse.data.kinds.edge_records import EdgeImage
from tfvse.data.sets.bsds500 import find_edge_map
from tfvse.data.sets.options import EdgeMapOptions
from tfvse.errors import UserError

LAYOUT = """
Coarse edges are made from a prepared segmentation set; --data_dir is the folder that
tfvse prepare wrote:
  tfvse prepare --data=camvid
  tfvse prepare --data=coarse_edges --data_dir=data/camvid
"""
PASCAL_CONTEXT_LAYOUT = """
Pascal Context (Mottaghi et al., 2014) is expected beside the images of PASCAL VOC 2010:
  <data_dir>/JPEGImages/*.jpg      <data_dir>/trainval/*.mat, each with LabelMap
https://cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz
"""


@dataclasses.dataclass(frozen=True)
class Options(EdgeMapOptions):
    """Options of coarse_edges and pascal_context."""


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the outlines of every split of a prepared segmentation set."""
    root = verification.require(options.data_dir, (manifest.FILE,), LAYOUT)
    found = manifest.read(root)
    if found["kind"] != "segmentation":
        raise UserError(
            f"--data_dir={root}: holds a set for {found['kind']}; coarse edges need one for "
            "segmentation"
        )
    splits = {}
    for split in found["splits"]:
        part = records.Part(root, found, f"{split}/examples")
        splits[split] = list(_outlined(part, options))
    written = edge_records.write(folder, splits, verification.Findings(options.skip_bad))
    return {"licence": found["licence"], "source": f"outlines of {found['source']}", **written}


def _outlined(
    part: records.Part,
    options: Options,
) -> Iterator[EdgeImage]:
    """The images of a split of a segmentation set."""
    for row in range(len(part)):
        record = part.one(row)
        labels = tf.io.decode_png(record["labels"], 1).numpy()[..., 0]
        name = record["id"].numpy().decode()
        yield EdgeImage(
            name,
            record[records.IMAGE_FIELD].numpy(),
            functools.partial(_outlines, labels, name),
            _map(options, name),
        )


def prepare_pascal_context(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes 10,103 images, all for training."""
    needed = ("JPEGImages", "trainval")
    root = verification.require(options.data_dir, needed, PASCAL_CONTEXT_LAYOUT)
    entries = []
    for path in sorted((root / "trainval").glob("*.mat")):
        entry = EdgeImage(
            path.stem,
            root / "JPEGImages" / f"{path.stem}.jpg",
            functools.partial(_outlines_of_file, path),
            _map(options, path.stem),
        )
        entries.append(entry)
    findings = verification.Findings(options.skip_bad)
    written = edge_records.write(folder, {"train": entries}, findings)
    return {"source": "outlines of Pascal Context", **written}


def _map(
    options: Options,
    name: str,
) -> pathlib.Path | None:
    """The edge map of the image called `name`."""
    return find_edge_map(options.edge_maps, pathlib.PurePath(name).stem)


def _outlines_of_file(path: pathlib.Path) -> list[np.ndarray]:
    """The outlines of a label file of Pascal Context."""
    try:
        labels = np.asarray(mat.read(path)["LabelMap"])
    except mat.BadMat as error:
        raise UserError(f"{path}: {error}; give a label file of Pascal Context") from None
    except KeyError:
        raise UserError(f"{path}: holds no LabelMap; give a label file of Pascal Context") from None
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not 0 < labels.size <= MAX_PIXELS:
        raise UserError(
            f"{path}: LabelMap is {labels.dtype} {list(labels.shape)}; it must be whole numbers "
            "[H, W]"
        )
    return _outlines(labels, path.stem)


def _outlines(
    labels: np.ndarray,
    name: str,
) -> list[np.ndarray]:
    """The outlines of a label map as the drawing of one annotator: [bool [H, W]]."""
    found = edge_records.boundaries_of(labels)
    if not found.any():
        raise UserError(
            f"{name}: the annotation is empty: one label covers the image; leave this image out"
        )
    return [found]
