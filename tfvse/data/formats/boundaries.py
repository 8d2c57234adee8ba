"""Boundaries that people drew, as the Berkeley benchmark stores them: one .mat file an image.

BSDS500 and NYUD come so. Each file holds `groundTruth`, a cell for every annotator: about five in
BSDS500, one in NYUD as Gupta et al. (2013) prepared it. Each cell holds `Boundaries`, an image of
zeros and ones, beside a segmentation that is not read.
"""

import pathlib
from typing import Any

import numpy as np

from tfvse.data.formats import mat
from tfvse.errors import UserError
from tfvse.typing import PathLike

MAX_PIXELS = 16_000_000


def read_annotations(path: PathLike) -> list[np.ndarray]:
    """The boundaries that each annotator drew.

    Args:
      path: a .mat file of the benchmark.

    Returns:
      bool [H, W] of each annotator, one or more, all of one size; at least one of them holds a
      boundary pixel.

    Raises:
      UserError: the file is missing, no .mat file, without `groundTruth` or `Boundaries`, too
        large, or empty.
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
    if not any(image.any() for image in drawn):
        raise UserError(
            f"{path}: the annotation is empty: no annotator drew a boundary; leave this image out"
        )
    if len({image.shape for image in drawn}) > 1:
        raise UserError(
            f"{path}: the annotators' images differ in size; all must have the size of the photo"
        )
    return drawn


def _boundaries(
    cell: Any,
    path: pathlib.Path,
) -> np.ndarray:
    """What one annotator drew: bool [H, W]."""
    try:
        image = np.asarray(cell["Boundaries"][0, 0])
    except (IndexError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{path}: an annotator's cell holds no Boundaries; it must be a struct that has them"
        ) from None
    if image.ndim != 2 or image.dtype.kind not in "biuf" or not 0 < image.size <= MAX_PIXELS:
        wanted = f"an image of zeros and ones, at most {MAX_PIXELS:,} pixels"
        raise UserError(
            f"{path}: Boundaries is {image.dtype} {list(image.shape)}; it must be {wanted}"
        )
    return image != 0
