"""Boundaries that people drew, as the Berkeley benchmark stores them: one .mat file a picture, for BSDS500 and NYUD.

Each file holds `groundTruth`, a cell for every annotator (about five in BSDS500, one in NYUD as Gupta et al., 2013,
prepared it), and in each of them `Boundaries`, a picture of zeros and ones beside a segmentation that is not read.
"""

import pathlib

import numpy as np

from tfvse.data.formats import mat
from tfvse.errors import UserError

MAX_PIXELS = 16_000_000


def read_annotations(path):
    """The boundaries that each annotator drew.

    Args:
      path: a .mat file of the benchmark.

    Returns:
      list of bool [H, W], one or more, all of one size; at least one of them holds a boundary pixel.

    Raises:
      UserError: the file is missing, no .mat file, without `groundTruth` or `Boundaries`, too large, or empty.
    """
    path = pathlib.Path(path)
    try:
        found = mat.read(path)
    except mat.BadMat as error:
        raise UserError(f"{path}: {error}; give a ground truth file of BSDS500 or NYUD") from None
    if "groundTruth" not in found:
        raise UserError(
            f"{path}: holds no groundTruth; give a ground truth file of BSDS500 or NYUD"
        )
    drawn = [_boundaries(cell, path) for cell in found["groundTruth"].ravel()]
    if not any(picture.any() for picture in drawn):
        raise UserError(
            f"{path}: the annotation is empty: no annotator drew a boundary; leave this picture out"
        )
    if len({picture.shape for picture in drawn}) > 1:
        raise UserError(
            f"{path}: the annotators' pictures differ in size; all must have the size of the photo"
        )
    return drawn


def _boundaries(cell, path):
    try:
        picture = np.asarray(cell["Boundaries"][0, 0])
    except (IndexError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{path}: an annotator's cell holds no Boundaries; it must be a struct that has them"
        ) from None
    if picture.ndim != 2 or picture.dtype.kind not in "biuf" or not 0 < picture.size <= MAX_PIXELS:
        wanted = f"a picture of zeros and ones, at most {MAX_PIXELS:,} pixels"
        raise UserError(
            f"{path}: Boundaries is {picture.dtype} {list(picture.shape)}; it must be {wanted}"
        )
    return picture != 0
