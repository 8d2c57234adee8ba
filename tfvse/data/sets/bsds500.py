"""Boundaries of BSDS500 (Arbelaez et al., 2011) and NYUD (Silberman et al., 2012; splits of Gupta et al., 2013)."""

import functools
import pathlib

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.boundaries import read_annotations
from tfvse.data.kinds import edges
from tfvse.data.kinds.edges import EdgePicture
from tfvse.errors import UserError

BSDS500_LAYOUT = """
BSDS500 is expected in its official layout, at --data_dir or in a folder BSDS500 or BSR/BSDS500 of it:
  data/images/{train,val,test}/*.jpg      data/groundTruth/{train,val,test}/*.mat
http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz
A split may be absent.
"""
NYUD_LAYOUT = """
NYUD is expected as the structured edge detection toolbox and HED use it, with the splits of Gupta et al.:
  <data_dir>/{train,val,test}/images/*.{png,jpg}      <data_dir>/{train,val,test}/groundTruth/*.mat
A split may be absent. Evaluate it with --max_distance=0.011.
"""


def prepare_bsds500(flags, folder):
    """200 training, 100 validation and 200 test pictures, about five annotators each."""
    root = verification.require(flags.data_dir, (), BSDS500_LAYOUT)
    places = [root / place / "data" for place in ("", "BSDS500", "BSR/BSDS500")]
    root = next((place for place in places if (place / "images").is_dir()), places[0])
    splits = {
        split: (root / "images" / split, root / "groundTruth" / split)
        for split in ("train", "val", "test")
    }
    licence = "Non-commercial research and education; cite Arbelaez et al. 2011."
    return _prepare(flags, folder, splits, BSDS500_LAYOUT, "BSDS500", licence)


def prepare_nyud(flags, folder):
    """381 training, 414 validation and 654 test pictures, one annotation each."""
    root = verification.require(flags.data_dir, (), NYUD_LAYOUT)
    splits = {s: (root / s / "images", root / s / "groundTruth") for s in ("train", "val", "test")}
    return _prepare(
        flags, folder, splits, NYUD_LAYOUT, "NYUD v2", "Research use; cite Silberman et al. 2012."
    )


def _prepare(flags, folder, places, layout, source, licence):
    found = {
        s: _pictures(*place, flags.edge_maps) for s, place in places.items() if place[0].is_dir()
    }
    if not found:
        verification.require(flags.data_dir, [next(iter(places.values()))[0]], layout)
    written = edges.write(folder, found, verification.Findings(flags.skip_bad))
    return {"licence": licence, "source": source, **written}


def _pictures(pictures, annotations, edge_maps):
    """`EdgePicture` of every picture of a folder, each with the .mat file of its name."""
    listed = images.files(pictures)
    for path in listed:
        if not (annotations / f"{path.stem}.mat").is_file():
            raise UserError(
                f"{path}: has no annotation {annotations / path.stem}.mat; every picture needs one"
            )
    return [
        EdgePicture(
            path.stem,
            path,
            functools.partial(read_annotations, annotations / f"{path.stem}.mat"),
            find_edge_map(edge_maps, path.stem),
        )
        for path in listed
    ]


def find_edge_map(folder, name):
    """The .png or .mat file called `name` in the folder of --edge_maps; None where no folder is given.

    Raises:
      UserError: there is none.
    """
    if not folder:
        return None
    found = [
        path
        for kind in (".png", ".mat")
        if (path := pathlib.Path(folder) / f"{name}{kind}").is_file()
    ]
    if not found:
        raise UserError(
            f"--edge_maps={folder}: holds no {name}.png or {name}.mat; every picture needs its edge map"
        )
    return found[0]
