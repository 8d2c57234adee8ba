"""TFRecord files: their framing, and how one is written with an index of its records."""

import hashlib
import os
import pathlib
import struct
from typing import Any

import google_crc32c
import numpy as np

HEADER = 12  # bytes before the data of a record: its length, and the checksum of that
FOOTER = 4  # bytes behind it: the checksum of the data


def masked_crc(data: bytes) -> int:
    """The checksum that TFRecord stores."""
    # It is a rotated CRC32C, because the CRC of a string that holds CRCs is weak.
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """The bytes of one record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    header = length + struct.pack("<I", masked_crc(length))
    footer = struct.pack("<I", masked_crc(data))
    return b"".join((header, data, footer))


def unframe(framed: bytes) -> bytes | None:
    """The data of one record of a TFRecord file; None where its checksum is wrong."""
    data = framed[HEADER:-FOOTER]
    footer = framed[-FOOTER:]
    if len(framed) < HEADER + FOOTER or footer != struct.pack("<I", masked_crc(data)):
        return None
    return data


class ShardWriter:
    """One TFRecord file and its index, under hidden names until all is written."""

    def __init__(self, path: pathlib.Path) -> None:
        """Opens the file at `path`."""
        self.path = path
        self.offsets: list[int] = []
        self.size = 0
        self.digest = hashlib.sha256()
        self.file = open(path, "wb")

    def write(self, data: bytes) -> None:
        """Appends one record."""
        framed = frame(data)
        self.file.write(framed)
        self.digest.update(framed)
        self.offsets.append(self.size)
        self.size += len(framed)

    def close(self) -> None:
        """Brings the file and its index to the disk."""
        with self.file:
            self.file.flush()
            os.fsync(self.file.fileno())
        with open(self.path.with_suffix(".index"), "wb") as index:
            index.write(np.array(self.offsets, "<i8").tobytes())
            index.flush()
            os.fsync(index.fileno())

    def rename(self, path: pathlib.Path) -> dict[str, Any]:
        """Gives the file its name; returns its entry of the manifest."""
        os.replace(self.path.with_suffix(".index"), path.with_suffix(".index"))
        os.replace(self.path, path)
        return {
            "file": f"{path.parent.name}/{path.name}",
            "records": len(self.offsets),
            "bytes": self.size,
            "sha256": self.digest.hexdigest(),
        }

    def remove(self) -> None:
        """Removes the file and its index."""
        self.file.close()
        for path in (self.path, self.path.with_suffix(".index")):
            path.unlink(missing_ok=True)
