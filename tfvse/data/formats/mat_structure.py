"""The structure of a .mat file of MATLAB 5 to 7, checked before SciPy reads it.

SciPy's reader trusts the sizes and types that a file declares: a damaged one leads it outside its
buffers. Here every element is gone through first, and its type, shape and size must fit the bytes
that are there. What passes are numbers, text, cells and structs, in which image sets are published.

The format: MathWorks, "MAT-File Format", level 5. A file is a row of elements, each a tag (type,
number of bytes) and a payload. A matrix is an element whose payload is elements again: flags,
shape, name and what it holds.
"""

import math
import struct
from collections.abc import Collection
from typing import Any

MAX_ARRAYS = 100_000  # of a file, each cell and each field of a struct among them
MAX_CHARACTERS = 2**20  # of all texts of a file
MAX_DEPTH = 16  # of cells within cells
_MATRIX = 14
_UTF8 = 16
_NAMES = (1, 2, _UTF8)  # int8, uint8, UTF-8
_INTEGERS = (5, 6)  # int32; some programs write uint32
_TEXT = {1: 1, 2: 1, 4: 2, _UTF8: 1, 17: 2, 18: 4}  # type → bytes of one unit of text
# Type → bytes of one number.
_NUMBERS = {
    1: 1,
    2: 1,
    3: 2,
    4: 2,
    5: 4,
    6: 4,
    7: 4,
    9: 8,
    12: 8,
    13: 8,
}
_CELL = 1
_STRUCT = 2
_CHARACTERS = 4
_NUMERIC_CLASSES = range(6, 16)  # double, single, and int8 to uint64
_COMPLEX = 8  # bit of the flags
_MAX_DIMENSIONS = 32
_MAX_EXTENT = 2**31


class BadMat(ValueError):
    """A .mat file that cannot be used; the message says why in a few words."""


class Checker:
    """Checks the matrices of one file and counts the arrays in them."""

    def __init__(self, order: str) -> None:
        """Has counted nothing yet; `order` is "<" or ">", the byte order of the file."""
        self._order = order
        self._left = MAX_ARRAYS
        self._characters_left = MAX_CHARACTERS

    def check(self, element: bytes) -> None:
        """Checks one element of the file, unpacked.

        Raises:
          BadMat: it is no whole matrix of numbers, text, cells or structs.
        """
        parts = _Elements(memoryview(element), self._order)
        self._matrix(parts, MAX_DEPTH)
        parts.end()

    def _matrix(
        self,
        outer: "_Elements",
        depth: int,
    ) -> None:
        """Checks the next element, which must be a matrix with at most `depth` levels of cells."""
        payload = outer.next((_MATRIX,))
        self._count(1)
        if depth == 0:
            raise BadMat(f"cells are nested more than {MAX_DEPTH} deep")

        if not payload:  # an empty cell or field may be a bare tag
            return

        parts = _Elements(payload, self._order)
        array_class = parts.array_class()
        size = self._shape(parts)
        parts.next(_NAMES)

        if array_class in (_CELL, _STRUCT):
            fields = 1 if array_class == _CELL else self._fields(parts)
            self._count(max(size, size * fields))
            for _ in range(size * fields):
                self._matrix(parts, depth - 1)
        elif array_class == _CHARACTERS:
            self._count_characters(size)
            parts.text(size)
        elif array_class in _NUMERIC_CLASSES:
            parts.numbers(size)
        else:
            raise BadMat("holds something else than numbers, text, cells and structs")

        parts.end()

    def _count(self, arrays: int) -> None:
        """Counts arrays; BadMat where there are too many."""
        self._left -= arrays
        if self._left < 0:
            raise BadMat(f"holds more than {MAX_ARRAYS:,} arrays")

    def _count_characters(self, characters: int) -> None:
        """Counts characters; BadMat where there are too many."""
        self._characters_left -= characters
        if self._characters_left < 0:
            raise BadMat(f"holds texts of more than {MAX_CHARACTERS:,} characters")

    def _shape(self, parts: "_Elements") -> int:
        """Number of entries, of a shape that memory has room for even where a side is 0."""
        shape = parts.integers()
        if not 2 <= len(shape) <= _MAX_DIMENSIONS or min(shape) < 0:
            raise BadMat("unreadable: damaged, an array has no shape")
        if math.prod(max(extent, 1) for extent in shape) >= _MAX_EXTENT:
            raise BadMat("unreadable: damaged, an array is larger than the file")
        return math.prod(shape)

    def _fields(self, parts: "_Elements") -> int:
        """Number of fields of a struct."""
        width = parts.integers()
        names = parts.next(_NAMES)
        if len(width) != 1 or width[0] < 1 or len(names) % width[0]:
            raise BadMat("unreadable: damaged, a struct has no names")
        fields = len(names) // width[0]
        self._count(fields)
        return fields


class _Elements:
    """Goes through the elements of a payload, one after the other."""

    def __init__(
        self,
        data: memoryview,
        order: str,
    ) -> None:
        """Begins at the start of `data`; `order` is "<" or ">"."""
        self._data = data
        self._order = order
        self._at = 0

    def next(self, kinds: Collection[int]) -> memoryview:
        """The payload of the next element, whose type must be one of `kinds`."""
        return self._next(kinds)[1]

    def _next(self, kinds: Collection[int]) -> tuple[int, memoryview]:
        """(type, payload) of the next element, whose type must be one of `kinds`."""
        kind, size = self._unpack("II", self._data[self._at : self._at + 8])
        start = self._at + 8
        if kind >> 16:  # up to four bytes stand in the tag itself
            size = kind >> 16
            kind = kind & 0xFFFF
            start = self._at + 4
            if size > 4:
                raise BadMat("unreadable: damaged, a tag is none")

        end = start + size
        # SciPy goes on at the next multiple of eight bytes.
        self._at = start + size + -(start + size - self._at) % 8
        if self._at > len(self._data):
            raise BadMat("unreadable: damaged or cut off")
        if kind not in kinds:
            raise BadMat("unreadable: damaged, an element has another type")
        return kind, self._data[start:end]

    def integers(self) -> tuple[int, ...]:
        """The next element, which must be of whole numbers of 32 bits."""
        payload = self.next(_INTEGERS)
        if len(payload) % 4:
            raise BadMat("unreadable: damaged, a number is cut off")
        return self._unpack(f"{len(payload) // 4}i", payload)

    def array_class(self) -> int:
        """The class in the flags of a matrix, which come first."""
        flags = self.next((6,))
        if len(flags) != 8:
            raise BadMat("unreadable: damaged, an array has no flags")
        word = self._unpack("II", flags)[0]
        if word >> 8 & _COMPLEX:
            raise BadMat("holds complex numbers")
        return word & 0xFF

    def numbers(self, size: int) -> None:
        """Goes past the next element, which must hold `size` numbers."""
        kind, payload = self._next(_NUMBERS)
        if len(payload) != size * _NUMBERS[kind]:
            raise BadMat("unreadable: damaged, an array and its shape differ in size")

    def text(self, size: int) -> None:
        """Goes past the next element, which must be of `size` characters.

        MATLAB leaves some out.
        """
        kind, payload = self._next(_TEXT)
        longest = 4 if kind == _UTF8 else _TEXT[kind]
        if payload and not size * _TEXT[kind] <= len(payload) <= size * longest:
            raise BadMat("unreadable: damaged, a text and its shape differ in size")

    def end(self) -> None:
        """Raises BadMat where something is left."""
        if self._at != len(self._data):
            raise BadMat("unreadable: damaged, an array is followed by bytes of none")

    def _unpack(
        self,
        form: str,
        data: memoryview,
    ) -> tuple[Any, ...]:
        """`struct.unpack` in the byte order of the file; BadMat where bytes are missing."""
        try:
            return struct.unpack(self._order + form, data)
        except struct.error:
            raise BadMat("unreadable: damaged or cut off") from None
