"""Writes .mat files of MATLAB 5 byte by byte, in either byte order, with true or false sizes."""

import math
import zlib

INT8, UINT8, UINT16, INT32, UINT32, DOUBLE, MATRIX, COMPRESSED = 1, 2, 4, 5, 6, 9, 14, 15
CELL, STRUCT, DOUBLE_CLASS, UINT8_CLASS, UINT16_CLASS = 1, 2, 6, 9, 11


class Writer:
    """Makes the parts of a file in one byte order.

    Args:
      order: "little" or "big".
    """

    def __init__(self, order="little"):
        self.order = order

    def file(self, *elements, compressed=False):
        """The bytes of a whole file."""
        if compressed:
            elements = [self._compressed(element) for element in elements]
        mark = b"IM" if self.order == "little" else b"MI"
        return (
            b"MATLAB 5.0 MAT-file".ljust(124) + self._number(0x0100, 2) + mark + b"".join(elements)
        )

    def element(self, kind, payload):
        """A tag and what it announces, filled up to eight bytes."""
        return self._number(kind) + self._number(len(payload)) + payload + bytes(-len(payload) % 8)

    def array(self, array_class, shape, *parts, name="", flags=0):
        """A matrix, cell or struct of `shape`, whose values are the elements `parts`."""
        head = self.element(UINT32, self._number(array_class | flags << 8) + bytes(4))
        head += self.element(INT32, b"".join(self._number(size) for size in shape))
        head += self.element(INT8, name.encode())
        return self.element(MATRIX, head + b"".join(parts))

    def ones(self, array_class, kind, shape, name=""):
        """A matrix of ones of `shape`."""
        one = self._one() if kind == DOUBLE else self._number(1, {UINT8: 1, UINT16: 2}[kind])
        return self.array(array_class, shape, self.element(kind, one * math.prod(shape)), name=name)

    def struct(self, fields, name=""):
        """One struct of name → element."""
        names = b"".join(field.encode().ljust(16, b"\x00") for field in fields)
        parts = [self.element(INT32, self._number(16)), self.element(INT8, names), *fields.values()]
        return self.array(STRUCT, (1, 1), *parts, name=name)

    def ground_truth(self, annotators=2, shape=(4, 6)):
        """BSDS500's variable: a cell for each annotator with a struct."""
        fields = {
            "Segmentation": self.ones(UINT16_CLASS, UINT16, shape),
            "Boundaries": self.ones(UINT8_CLASS, UINT8, shape),
        }
        cells = [self.struct(fields)] * annotators
        return self.array(CELL, (1, annotators), *cells, name="groundTruth")

    def _number(self, value, size=4):
        return value.to_bytes(size, self.order)

    def _one(self):
        one = bytes.fromhex("3ff0000000000000")
        return one if self.order == "big" else one[::-1]

    def _compressed(self, element):
        packed = zlib.compress(element)
        return self._number(COMPRESSED) + self._number(len(packed)) + packed
