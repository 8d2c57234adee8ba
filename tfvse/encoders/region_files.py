"""Regions of pictures from a file, such as those of the bottom-up attention detector (Anderson et al., CVPR 2018).

`file:<path>` is one of
    <path>.tsv   a line per picture, no header; columns image_id, image_w, image_h, num_boxes, boxes, features; the last
                 two in base64 of little-endian float32, features [num_boxes, D]: the authors' layout
    <path>.npz   an archive with an array [n, D] for every picture, under the picture's name
    <folder>     <picture>.npz for every picture, with the array "features" [n, D]
A picture goes by its id ("COCO_val2014_000000391895.jpg"), its id without the ending, or the number at its end
("391895"). The first `regions.REGIONS` regions are taken; a picture with fewer is filled up with zeros.

The words that were detected stand beside, in `<path>.words.tsv`: lines of picture, regional words (best first; an
attribute before its class) and, optionally, global words, with tabs between them. They are needed only by a system that
learns from them.

Nothing is unpickled, and a picture's entry may not take more than `MOST_BYTES`.
"""

import base64
import pathlib
import re

import numpy as np

from tfvse import reading
from tfvse.encoders import array_files
from tfvse.encoders.regions import REGIONS
from tfvse.errors import UserError
from tfvse.files import open_regular

MOST_BYTES = 64 * 2**20
MOST_DIM = 2**16  # numbers of a region
_COLUMNS = 6


class RegionFile:
    """Random access to the regions of known pictures.

    Args:
      name: "file:<path>".

    Attributes:
      described: whether the words of the pictures are there too.

    Raises:
      UserError: the file is missing or has another layout.
    """

    def __init__(self, name):
        self.flag = f"--image_encoder={name}"
        self.path = pathlib.Path(name.partition(":")[2])
        try:
            self._places, self._load = self._open()
            self._words = self._read_words(self.path.with_name(self.path.name + ".words.tsv"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.flag}: cannot be read ({error}); give a .tsv, .npz or folder of .npz"
            ) from None
        self.described = bool(self._words)
        self._dim = None

    def require(self, ids):
        """Raises UserError when pictures of `ids` (array of str) have no regions here, or no words where others do."""
        for places, what in [
            (self._places, "features"),
            *([(self._words, "words")] * self.described),
        ]:
            missing = [name for name in ids if _key(places, name) is None]
            if missing:
                raise UserError(
                    f"{self.flag}: has no {what} of {missing[0]} and {len(missing) - 1:,} more of {len(ids):,} "
                    "pictures; give the file of all the pictures of this data set"
                )

    def read(self, name):
        """Regions of the picture `name`: float16 [REGIONS, D]. Every picture has the D of the first one that was read.

        Raises:
          UserError: its entry is damaged, too large, or not of finite float16 numbers.
        """
        try:
            found = self._load(self._places[_key(self._places, name)])
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{self.flag}: the entry of {name} is damaged ({error})") from None

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

        with np.errstate(over="ignore"):  # what is infinite then is cut off like all else
            first = found[:REGIONS].astype(np.float32)
        result = np.zeros([REGIONS, self._dim], np.float16)
        result[: len(found)] = np.clip(first, -65504, 65504)
        if not np.isfinite(result).all():
            raise UserError(f"{self.flag}: {name} has features that are no finite numbers")
        return result

    def describe(self, ids):
        """ "feature" float16 [B, REGIONS, D] of the pictures `ids`; where described also "regional", "global" bytes."""
        found = {"feature": np.stack([self.read(name) for name in ids])}
        if self.described:
            regional, whole = zip(
                *(self._words[_key(self._words, name)] for name in ids), strict=True
            )
            found |= {
                "regional": np.char.encode(regional, "utf-8"),
                "global": np.char.encode(whole, "utf-8"),
            }
        return found

    def _open(self):
        """(name → place, place → float [n, D])"""
        if self.path.is_dir():
            return {path.stem: path for path in self.path.glob("*.npz")}, lambda path: _member(
                path, "features"
            )
        if self.path.suffix == ".npz":
            names = array_files.names(self.path)
            return {name: name for name in names}, lambda name: _member(self.path, name)
        return _offsets(self.path), self._line

    def _line(self, offset):
        with open_regular(self.path) as file:
            file.seek(offset)
            columns = file.readline(MOST_BYTES).rstrip(b"\r\n").split(b"\t")
        if len(columns) != _COLUMNS:
            raise ValueError(f"{len(columns)} columns instead of {_COLUMNS}")

        values = np.frombuffer(base64.b64decode(columns[5], validate=True), "<f4")
        count = int(columns[3])
        if not 0 < count <= len(values) or len(values) % count:
            raise ValueError(f"{len(values)} numbers cannot be those of {count:.4g} regions")
        return values.reshape(count, -1)

    def _read_words(self, path):
        if not path.is_file():
            return {}
        rows = [line.split("\t") for line in reading.read_lines(path)]
        if any(len(row) not in (2, 3) for row in rows):
            raise ValueError(
                f"{path}: every line must be picture<TAB>regional words[<TAB>global words]"
            )
        return {name: (words, "".join(rest)) for name, words, *rest in rows}


def _offsets(path):
    """Picture → where its line begins; the file is gone through once, a line at a time."""
    found, start = {}, 0
    with open_regular(path) as file:
        while line := file.readline(MOST_BYTES):
            if not line.endswith(b"\n") and len(line) == MOST_BYTES:
                raise ValueError(f"a line is longer than {MOST_BYTES:,} bytes")
            found[line.partition(b"\t")[0].decode()] = start
            start += len(line)
    return found


def _member(path, name):
    """One array of an archive, refused by its size before it is unpacked."""
    return array_files.read_npz(path, [name], MOST_BYTES)[name]


def _key(places, name):
    """What the picture `name` is called in `places`, or None."""
    stem = pathlib.PurePath(name).stem
    number = re.search(r"(\d+)$", stem)
    candidates = [name, stem, *([str(int(number[0]))] if number else [])]
    return next((candidate for candidate in candidates if candidate in places), None)
