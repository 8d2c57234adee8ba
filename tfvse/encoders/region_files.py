"""Regions of images from a file, such as those of the bottom-up attention detector.

P. Anderson et al., CVPR 2018. The name `file:<path>` stands for one of
    <path>.tsv   The authors' layout: a line per image, no header. The columns are image_id,
                 image_w, image_h, num_boxes, boxes, features. The last two are base64 of
                 little-endian float32, features [num_boxes, D].
    <path>.npz   An archive with an array [n, D] for every image, under the image's name.
    <folder>     A file <image>.npz for every image, with the array "features" [n, D].

An image goes by its id ("COCO_val2014_000000391895.jpg"), its id without the ending, or the number
at its end ("391895"). The first `regions.REGIONS` regions are taken; an image with fewer is filled
up with zeros.

The words that were detected stand beside, in `<path>.words.tsv`. Its lines are: image, regional
words (best first; an attribute before its class) and, optionally, global words, with tabs between
them. Only a system that learns from them needs them.

Nothing is unpickled, and an image's entry may take at most `MOST_BYTES`.
"""

import base64
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfvse import reading
from tfvse.encoders import array_files
from tfvse.encoders.regions import REGIONS
from tfvse.errors import UserError
from tfvse.files import open_regular
from tfvse.typing import Array

MOST_BYTES = 64 * 2**20
MOST_DIM = 2**16  # dimensions of a region
_COLUMNS = 6
_COUNT = 3  # column of the number of regions
_FEATURES = 5  # column of the features
_LARGEST = 65504  # of float16


class RegionFile:
    """Random access to the regions of known images.

    Attributes:
      flag: how messages name the file.
      path: the file or folder.
      described: whether the words of the images are there too.
    """

    def __init__(self, name: str) -> None:
        """Finds the entries of a file; reads none.

        Args:
          name: "file:<path>".

        Raises:
          UserError: the file is missing or has another layout.
        """
        self.flag = f"--image_encoder={name}"
        self.path = pathlib.Path(name.partition(":")[2])
        try:
            self._places, self._load = self._open()
            self._words = _read_words(self.path.with_name(self.path.name + ".words.tsv"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.flag}: cannot be read ({error}); give a .tsv, .npz or folder of .npz"
            ) from None
        self.described = bool(self._words)
        self._dim: int | None = None

    def require(self, ids: Sequence[str]) -> None:
        """Checks that all images are here.

        Args:
          ids: str [N].

        Raises:
          UserError: some have no regions, or no words where others have words.
        """
        self._require_in(self._places, "features", ids)
        if self.described:
            self._require_in(self._words, "words", ids)

    def _require_in(
        self,
        places: Mapping[str, Any],
        what: str,
        ids: Sequence[str],
    ) -> None:
        """Raises UserError where some of `ids` are not in `places`."""
        missing = [name for name in ids if _key(places, name) is None]
        if missing:
            raise UserError(
                f"{self.flag}: has no {what} of {missing[0]} and {len(missing) - 1:,} more of "
                f"{len(ids):,} images; give the file of all the images of this data set"
            )

    def read(self, name: str) -> Array:
        """Reads the regions of one image.

        Every image must have the D of the first one that was read.

        Args:
          name: id of the image.

        Returns:
          float16 [REGIONS, D].

        Raises:
          UserError: its entry is damaged, too large, or not of finite float16 numbers.
        """
        try:
            found = self._load(self._places[_key(self._places, name)])
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{self.flag}: the entry of {name} is damaged ({error})") from None
        self._require_features(name, found)

        # What float16 cannot hold is cut off, infinity as well.
        with np.errstate(over="ignore"):
            first = found[:REGIONS].astype(np.float32)
        result = np.zeros([REGIONS, found.shape[1]], np.float16)
        result[: len(found)] = np.clip(first, -_LARGEST, _LARGEST)
        if not np.isfinite(result).all():
            raise UserError(f"{self.flag}: {name} has features that are no finite numbers")
        return result

    def _require_features(
        self,
        name: str,
        found: Array,
    ) -> None:
        """Raises UserError unless `found` is numbers [n, D], n > 0; notes the first D."""
        if self._dim is None and found.ndim == 2 and found.shape[1] <= MOST_DIM:
            self._dim = found.shape[1]
        if found.ndim != 2 or found.shape[1] != self._dim or not len(found):
            wanted = self._dim or f"1 ... {MOST_DIM}"
            shape = list(found.shape)
            raise UserError(
                f"{self.flag}: {name} has features {shape} instead of [1 or more, {wanted}]"
            )
        if found.dtype.kind not in "biuf":
            raise UserError(f"{self.flag}: {name} has features of {found.dtype}, not numbers")

    def describe(self, ids: Iterable[str]) -> dict[str, Array]:
        """Gives what is kept of images.

        Args:
          ids: B names.

        Returns:
          "feature" float16 [B, REGIONS, D]; where words are described also "regional" and "global",
          bytes [B].
        """
        names = list(ids)
        found = {"feature": np.stack([self.read(name) for name in names])}
        if self.described:
            words = [self._words[_key(self._words, name)] for name in names]
            found["regional"] = np.char.encode([regional for regional, _ in words], "utf-8")
            found["global"] = np.char.encode([whole for _, whole in words], "utf-8")
        return found

    def _open(self) -> tuple[Mapping[str, Any], Callable[[Any], Array]]:
        """(name → place of its entry, function from place to features [n, D])."""
        if self.path.is_dir():
            return {path.stem: path for path in self.path.glob("*.npz")}, _features
        if self.path.suffix == ".npz":
            return {name: name for name in array_files.names(self.path)}, self._member
        return _offsets(self.path), self._line

    def _member(self, name: str) -> Array:
        """The features of the archive's member `name`."""
        return _read_array(self.path, name)

    def _line(self, offset: int) -> Array:
        """The features in the line of the .tsv that begins at `offset`: float32 [n, D]."""
        with open_regular(self.path) as file:
            file.seek(offset)
            columns = file.readline(MOST_BYTES).rstrip(b"\r\n").split(b"\t")
        if len(columns) != _COLUMNS:
            raise ValueError(f"{len(columns)} columns instead of {_COLUMNS}")

        values = np.frombuffer(base64.b64decode(columns[_FEATURES], validate=True), "<f4")
        count = int(columns[_COUNT])
        if not 0 < count <= len(values) or len(values) % count:
            raise ValueError(f"{len(values)} numbers cannot be those of {count:.4g} regions")
        return values.reshape(count, -1)


def _read_words(path: pathlib.Path) -> dict[str, tuple[str, str]]:
    """Image → (regional words, global words); {} where there is no such file."""
    if not path.is_file():
        return {}
    found = {}
    for line in reading.read_lines(path):
        columns = line.split("\t")
        if len(columns) not in (2, 3):
            raise ValueError(
                f"{path}: every line must be image<TAB>regional words[<TAB>global words]"
            )
        name, regional, *rest = columns
        found[name] = (regional, "".join(rest))
    return found


def _offsets(path: pathlib.Path) -> dict[str, int]:
    """Image → where its line begins. The file is read once, a line at a time."""
    found = {}
    start = 0
    with open_regular(path) as file:
        while line := file.readline(MOST_BYTES):
            if not line.endswith(b"\n") and len(line) == MOST_BYTES:
                raise ValueError(f"a line is longer than {MOST_BYTES:,} bytes")
            found[line.partition(b"\t")[0].decode()] = start
            start += len(line)
    return found


def _features(path: pathlib.Path) -> Array:
    """The array "features" of one image's own archive."""
    return _read_array(path, "features")


def _read_array(
    path: pathlib.Path,
    name: str,
) -> Array:
    """One array of an archive, refused by its size before it is unpacked."""
    return array_files.read_npz(path, [name], MOST_BYTES)[name]


def _key(
    places: Mapping[str, Any],
    name: str,
) -> Any:
    """What the image `name` is called in `places`, or None."""
    stem = pathlib.PurePath(name).stem
    candidates = [name, stem]
    number = re.search(r"(\d+)$", stem)
    if number:
        candidates.append(str(int(number[0])))
    return next((candidate for candidate in candidates if candidate in places), None)
