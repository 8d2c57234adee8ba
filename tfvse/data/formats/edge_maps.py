"""Edge maps that any program wrote: grey PNG or .mat files, with the annotations of their names."""

import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from tfvse.data.formats import images, mat
from tfvse.data.formats.boundaries import MAX_PIXELS, read_annotations
from tfvse.errors import UserError
from tfvse.typing import PathLike

_WHITE = {"1": 1, "L": 255, "I;16": 65535}  # the largest value of Pillow's grey modes


class EdgeMapFolder:
    """The edge maps in a folder with their annotations, by name; read as needed."""

    def __init__(
        self,
        edge_maps: PathLike,
        annotations: PathLike,
    ) -> None:
        """Lists the files.

        Args:
          edge_maps: folder of .png or .mat files.
          annotations: folder of the benchmark's .mat files, `<name>.mat` for each edge map.

        Raises:
          UserError: a folder is missing or empty, or a file lacks its partner.
        """
        self._maps = _by_name(edge_maps, (".png", ".mat"))
        self._annotations = _by_name(annotations, (".mat",))
        alone = sorted(self._maps.keys() ^ self._annotations.keys())
        if alone:
            name = alone[0]
            folders = [edge_maps, annotations]
            if name not in self._maps:
                folders.reverse()
            raise UserError(
                f"{name}: is in {folders[0]} but not in {folders[1]}; every edge map needs its "
                "annotation and back"
            )

    def __len__(self) -> int:
        """The number of edge maps."""
        return len(self._maps)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, list[np.ndarray]]]:
        """(name, float32 [H, W] in 0 ... 1, one bool [H, W] for each annotator) of every map."""
        for name in self._maps:
            yield name, read_edge_map(self._maps[name]), read_annotations(self._annotations[name])


def read_edge_map(path: PathLike) -> np.ndarray:
    """An edge map as probabilities.

    Args:
      path: a grey PNG of 1, 8 or 16 bits, whose white is 1, or a .mat file with one matrix: numbers
        in 0 ... 1, or uint8 whose 255 is 1 (true and false are 1 and 0).

    Returns:
      float32 [H, W]; of a .mat file whatever numbers it holds.

    Raises:
      UserError: missing, damaged, too large, coloured, or without exactly one matrix.
    """
    path = pathlib.Path(path)
    return _from_mat(path) if path.suffix == ".mat" else _from_image(path)


def _by_name(
    folder: PathLike,
    kinds: Sequence[str],
) -> dict[str, pathlib.Path]:
    """Name → file, of the files in a folder whose names end in one of `kinds`."""
    folder = pathlib.Path(folder)
    wanted = " or ".join(kinds)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; give one with {wanted} files")
    files = []
    for path in folder.iterdir():
        if path.suffix in kinds and path.name[0] != ".":
            files.append(path)
    files.sort()

    for path in files:
        # Reports and images could not show another name.
        if not _is_text(path.name):
            raise UserError(f"{folder}: the name {path.name!r} is not UTF-8; rename the file")
    if not files:
        raise UserError(f"{folder}: holds no {wanted} files; give the folder that has them")
    found = {path.stem: path for path in files}
    if len(found) < len(files):
        raise UserError(f"{folder}: a name has both a .png and a .mat file; leave one of them")
    return found


def _is_text(name: str) -> bool:
    """Whether a file's name is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_mat(path: pathlib.Path) -> np.ndarray:
    """The matrix of a .mat file; see `read_edge_map`."""
    try:
        found = mat.read(path)
    except mat.BadMat as error:
        raise UserError(f"{path}: {error}; give an edge map as a matrix or a PNG") from None
    matrices = [value for value in found.values() if _is_matrix(value)]
    if len(matrices) != 1 or not 0 < matrices[0].size <= MAX_PIXELS:
        wanted = f"one matrix of at most {MAX_PIXELS:,} pixels"
        raise UserError(f"{path}: holds {', '.join(found) or 'nothing'}; an edge map is {wanted}")

    matrix = matrices[0]
    # MATLAB's true and false come as uint8, too.
    eight_bits = matrix.dtype == np.uint8 and matrix.max() > 1
    with np.errstate(over="ignore"):  # numbers outside of 0 ... 1 are the caller's to refuse
        return (matrix / (255 if eight_bits else 1)).astype(np.float32)


def _is_matrix(value: object) -> bool:
    """Whether a variable of a .mat file is a matrix of numbers."""
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "biuf"


def _from_image(path: pathlib.Path) -> np.ndarray:
    """The pixels of a grey PNG; see `read_edge_map`."""
    try:
        with images.opened(path, MAX_PIXELS) as image:
            if image.mode not in _WHITE:
                raise UserError(
                    f"{path}: is {image.mode}, not grey; save the edge map as a grey PNG"
                )
            return (np.asarray(image) / _WHITE[image.mode]).astype(np.float32)
    except images.BadImage as problem:
        raise UserError(f"{path}: {problem}; give an edge map as a grey PNG") from None
