"""Coarse edge annotations (chapter 3, section 3.3): the outlines of a segmentation set, to train on before BSDS500."""

import functools
import pathlib

import numpy as np
import tensorflow as tf

from tfvse.data import manifest, records, verification
from tfvse.data.formats import mat
from tfvse.data.formats.boundaries import MAX_PIXELS
from tfvse.data.kinds import edges
from tfvse.data.kinds.edges import EdgePicture
from tfvse.data.sets.bsds500 import find_edge_map
from tfvse.errors import UserError

LAYOUT = """
Coarse edges are made from a prepared segmentation set; --data_dir is the folder that tools/prepare_data.py wrote:
  python tools/prepare_data.py --data=camvid && python tools/prepare_data.py --data=coarse_edges --data_dir=data/camvid
"""
PASCAL_CONTEXT_LAYOUT = """
Pascal Context (Mottaghi et al., 2014) is expected beside PASCAL VOC 2010's pictures:
  <data_dir>/JPEGImages/*.jpg      <data_dir>/trainval/*.mat, each with LabelMap
https://cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz
"""


def prepare(flags, folder):
    """The outlines of every split of a prepared segmentation set."""
    root = verification.require(flags.data_dir, (manifest.FILE,), LAYOUT)
    found = manifest.read(root)
    if found["kind"] != "segmentation":
        raise UserError(
            f"--data_dir={root}: holds a set for {found['kind']}; coarse edges need one for segmentation"
        )
    splits = {
        s: list(_outlined(records.Part(root, found, f"{s}/examples"), flags))
        for s in found["splits"]
    }
    written = edges.write(folder, splits, verification.Findings(flags.skip_bad))
    return {"licence": found["licence"], "source": f"outlines of {found['source']}", **written}


def _outlined(part, flags):
    for row in range(len(part)):
        record = {
            name: value[0].numpy()
            for name, value in part.batch(tf.constant([row], tf.int64)).items()
        }
        labels = tf.io.decode_png(record["labels"], 1).numpy()[..., 0]
        name = record["id"].decode()
        yield EdgePicture(
            name, record["picture"], functools.partial(_outlines, labels, name), _map(flags, name)
        )


def prepare_pascal_context(flags, folder):
    """10,103 pictures, all for training."""
    root = verification.require(flags.data_dir, ("JPEGImages", "trainval"), PASCAL_CONTEXT_LAYOUT)
    pictures = [
        EdgePicture(
            path.stem,
            root / "JPEGImages" / f"{path.stem}.jpg",
            functools.partial(_outlines_of_file, path),
            _map(flags, path.stem),
        )
        for path in sorted((root / "trainval").glob("*.mat"))
    ]
    written = edges.write(folder, {"train": pictures}, verification.Findings(flags.skip_bad))
    return {
        "licence": "Research use; cite Mottaghi et al. 2014.",
        "source": "outlines of Pascal Context",
        **written,
    }


def _map(flags, name):
    return find_edge_map(flags.edge_maps, pathlib.PurePath(name).stem)


def _outlines_of_file(path):
    try:
        labels = np.asarray(mat.read(path)["LabelMap"])
    except mat.BadMat as error:
        raise UserError(f"{path}: {error}; give a label file of Pascal Context") from None
    except KeyError:
        raise UserError(f"{path}: holds no LabelMap; give a label file of Pascal Context") from None
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not 0 < labels.size <= MAX_PIXELS:
        raise UserError(
            f"{path}: LabelMap is {labels.dtype} {list(labels.shape)}; it must be whole numbers [H, W]"
        )
    return _outlines(labels, path.stem)


def _outlines(labels, name):
    found = edges.boundaries_of(labels)
    if not found.any():
        raise UserError(
            f"{name}: the annotation is empty: one label covers the picture; leave this picture out"
        )
    return [found]
