"""Images with boundaries as a prepared folder holds them, and how they are written.

The part of a split is `<split>/examples`, with the fields

    id            bytes
    picture       bytes of a JPEG or PNG
    annotators    int64
    annotations   bytes of a PNG with every annotator's drawing below the one before it
    canny         bytes of a PNG whose bit k is Canny's response at the k-th of `CANNY_SIGMAS`
    edge_map      bytes of a PNG that another detector made, or none
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.edge_maps import read_edge_map
from tfvse.data.kinds import examples
from tfvse.data.records import IMAGE_FIELD
from tfvse.errors import UserError
from tfvse.preprocessing.decode import decode_image

FIELDS = {
    "id": "bytes",
    IMAGE_FIELD: "bytes",
    "annotators": "int64",
    "annotations": "bytes",
    "canny": "bytes",
    "edge_map": "bytes",
}
CANNY_SIGMAS = (1, 3, 5, 7, 9)  # section 3.2.1
SIDES = len(CANNY_SIGMAS)


@dataclasses.dataclass(frozen=True)
class EdgeImage:
    """An image and what people drew.

    Attributes:
      id: its name, unique in the data set.
      image: path or bytes of its file.
      annotations: gives the drawings of its annotators, list of bool [H, W].
      edge_map: a file that another detector made of it (`edge_maps.read_edge_map`), or None.
    """

    id: str
    image: pathlib.Path | bytes
    annotations: Callable[[], list[np.ndarray]]
    edge_map: pathlib.Path | None = None


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[EdgeImage]],
    findings: verification.Findings,
) -> dict[str, Any]:
    """Verifies and writes images with their boundaries.

    Args:
      folder: where to.
      splits: split → images, gone through three times.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable image.
    """
    written = examples.write(
        folder,
        splits,
        FIELDS,
        _record,
        findings,
        _problem,
        "annotation",
    )
    return {"kind": "edges", **written}


def _problem(entry: EdgeImage) -> str | None:
    """What is wrong with the annotations of an image that can be read, in one sentence."""
    try:
        drawings = entry.annotations()
        strength = _strength(entry)
    except UserError as error:
        return str(error)

    height, width = decode_image(images.read(entry.image)).shape[:2]
    if min(height, width) < 2:
        return f"{entry.id}: the image is {width} x {height} pixels; edges need at least 2 x 2"

    shapes = {"annotation": drawings[0].shape}
    if strength is not None:
        shapes["edge map"] = strength.shape
    for what, shape in shapes.items():
        if shape != (height, width):
            theirs = f"{shape[1]} x {shape[0]}"
            return (
                f"{entry.id}: the image is {width} x {height} pixels and its {what} {theirs}; "
                "they must be the same"
            )
    return None


def _strength(entry: EdgeImage) -> np.ndarray | None:
    """The edge map of an image, float [H, W]; None where it has none."""
    return None if entry.edge_map is None else read_edge_map(entry.edge_map)


def _record(entry: EdgeImage) -> dict[str, Any]:
    """The record of one image."""
    drawings = np.stack(entry.annotations())
    image = images.read(entry.image)
    edge_map = b""
    strength = _strength(entry)
    if strength is not None:
        edge_map = _png(np.rint(255 * np.clip(strength, 0, 1)))
    return {
        "id": entry.id.encode(),
        IMAGE_FIELD: image,
        "annotators": len(drawings),
        "annotations": _png(np.concatenate(drawings)),
        "canny": _png(canny_responses(image)),
        "edge_map": edge_map,
    }


def _png(values: np.ndarray) -> bytes:
    """Whole numbers [H, W] as a grey PNG."""
    return images.encode_png(values.astype(np.uint8))


def canny_responses(image: bytes) -> np.ndarray:
    """Responses of Canny's detector (section 3.2.1).

    Args:
      image: bytes of a JPEG or PNG.

    Returns:
      uint8 [H, W]: bit k is set where the detector fires at the k-th of `CANNY_SIGMAS`.
    """
    from skimage import color, feature

    grey = color.rgb2gray(decode_image(image).numpy())
    found = np.zeros(grey.shape, np.uint8)
    for bit, sigma in enumerate(CANNY_SIGMAS):
        found |= feature.canny(grey, sigma).astype(np.uint8) << bit
    return found


def boundaries_of(labels: np.ndarray) -> np.ndarray:
    """Coarse edge annotations (section 3.3): where the pixel to the right or below differs.

    Args:
      labels: whole numbers [H, W].

    Returns:
      bool [H, W].
    """
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    found[:-1] |= labels[:-1] != labels[1:]
    return found
