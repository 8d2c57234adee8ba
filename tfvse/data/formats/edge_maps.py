"""Edge maps that any program wrote: a folder of grey PNG or .mat files, each with the annotation of its name."""

import pathlib

import numpy as np

from tfvse.data.formats import images, mat
from tfvse.data.formats.boundaries import MAX_PIXELS, read_annotations
from tfvse.errors import UserError

_WHITE = {"1": 1, "L": 255, "I;16": 65535}  # the largest value of Pillow's grey modes


class EdgeMapFolder:
    """(name, float32 [H, W] in 0 ... 1, list of bool [H, W]) of every edge map in a folder, by name; read as needed.

    Args:
      edge_maps: folder of .png or .mat files.
      annotations: folder of the benchmark's .mat files, `<name>.mat` for each edge map.

    Raises:
      UserError: a folder is missing or empty, or a file lacks its partner.
    """

    def __init__(self, edge_maps, annotations):
        self._maps, self._annotations = (
            _by_name(edge_maps, (".png", ".mat")),
            _by_name(annotations, (".mat",)),
        )
        for name in sorted(self._maps.keys() ^ self._annotations.keys()):
            have, lack = (
                (edge_maps, annotations) if name in self._maps else (annotations, edge_maps)
            )
            raise UserError(
                f"{name}: is in {have} but not in {lack}; every edge map needs its annotation and back"
            )

    def __len__(self):
        return len(self._maps)

    def __iter__(self):
        for name in self._maps:
            yield name, read_edge_map(self._maps[name]), read_annotations(self._annotations[name])


def read_edge_map(path):
    """An edge map as probabilities.

    Args:
      path: a grey PNG of 1, 8 or 16 bits, whose white is 1, or a .mat file with one matrix: numbers in 0 ... 1, or
        uint8 whose 255 is 1 (true and false are 1 and 0).

    Returns:
      float32 [H, W]; of a .mat file whatever numbers it holds.

    Raises:
      UserError: missing, damaged, too large, coloured, or without exactly one matrix.
    """
    path = pathlib.Path(path)
    return _from_mat(path) if path.suffix == ".mat" else _from_picture(path)


def _by_name(folder, kinds):
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(
            f"{folder}: there is no such folder; give one with {' or '.join(kinds)} files"
        )
    files = sorted(
        path for path in folder.iterdir() if path.suffix in kinds and path.name[0] != "."
    )
    for path in files:
        if not _is_text(path.name):
            raise UserError(f"{folder}: the name {path.name!r} is not UTF-8; rename the file")
    found = {path.stem: path for path in files}
    if not files:
        raise UserError(
            f"{folder}: holds no {' or '.join(kinds)} files; give the folder that has them"
        )
    if len(found) < len(files):
        raise UserError(f"{folder}: a name has both a .png and a .mat file; leave one of them")
    return found


def _is_text(name):
    """Whether a file's name is UTF-8; reports and pictures could not show another one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_mat(path):
    try:
        found = mat.read(path)
    except mat.BadMat as error:
        raise UserError(f"{path}: {error}; give an edge map as a matrix or a PNG") from None
    matrices = [
        m
        for m in found.values()
        if isinstance(m, np.ndarray) and m.ndim == 2 and m.dtype.kind in "biuf"
    ]
    if len(matrices) != 1 or not 0 < matrices[0].size <= MAX_PIXELS:
        wanted = f"one matrix of at most {MAX_PIXELS:,} pixels"
        raise UserError(f"{path}: holds {', '.join(found) or 'nothing'}; an edge map is {wanted}")
    eight_bits = (
        matrices[0].dtype == np.uint8 and matrices[0].max() > 1
    )  # MATLAB's true and false come as uint8, too
    with np.errstate(over="ignore"):  # numbers outside of 0 ... 1 are the caller's to refuse
        return (matrices[0] / (255 if eight_bits else 1)).astype(np.float32)


def _from_picture(path):
    try:
        with images.opened(path, MAX_PIXELS) as image:
            if image.mode not in _WHITE:
                raise UserError(
                    f"{path}: is {image.mode}, not grey; save the edge map as a grey PNG"
                )
            return (np.asarray(image) / _WHITE[image.mode]).astype(np.float32)
    except images.BadPicture as problem:
        raise UserError(f"{path}: {problem}; give an edge map as a grey PNG") from None
