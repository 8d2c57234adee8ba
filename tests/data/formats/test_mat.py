"""What the check of .mat files lets pass and what it refuses before SciPy reads."""

import pytest

from tests.data.formats import mat_files
from tests.data.formats.mat_files import Writer
from tfvse.data.formats import mat

WRITER = Writer()
ONE = WRITER.ones(mat_files.UINT8_CLASS, mat_files.UINT8, (1, 1))


def nested(depth):
    """A cell within a cell, `depth` times."""
    found = ONE
    for _ in range(depth):
        found = WRITER.array(mat_files.CELL, (1, 1), found, name="x")
    return found


def numbers(array_class, kind, payload, shape=(2, 2)):
    return WRITER.array(array_class, shape, WRITER.element(kind, payload), name="x")


def cell(shape):
    return WRITER.array(mat_files.CELL, shape, ONE)


def read(path, *elements):
    path.write_bytes(WRITER.file(*elements))
    return mat.read(path)


@pytest.mark.parametrize(
    "element",
    [
        nested(15),
        WRITER.array(mat_files.CELL, (0, 2**31 - 1), name="x"),
        WRITER.array(mat_files.CELL, (1, 1), WRITER.element(mat_files.MATRIX, b""), name="x"),
        numbers(6, mat_files.UINT8, bytes(4)),
        numbers(4, mat_files.UINT8, b"text"),
        numbers(4, mat_files.UINT8, b"", (1, 1)),
        WRITER.ground_truth(),
    ],
)
def test_what_programs_write_is_read(tmp_path, element):
    assert len(read(tmp_path / "a.mat", element)) == 1


@pytest.mark.parametrize(
    ("element", "sentence"),
    [
        (cell((1, 10**9)), "holds more than 100,000 arrays"),
        (cell((2, 2)), "cut off"),
        (cell((1, 2**32 - 1)), "no shape"),
        (cell((1,)), "no shape"),
        (cell((2**31 - 1, 0, 2)), "larger than the file"),
        (nested(16), "nested more than 16 deep"),
        (numbers(6, mat_files.UINT8, bytes(3)), "differ in size"),
        (numbers(6, 77, bytes(4)), "another type"),
        (numbers(77, mat_files.UINT8, bytes(4)), "something else than numbers"),
        (numbers(5, mat_files.UINT8, bytes(4)), "something else than numbers"),
        (numbers(4, mat_files.UINT8, bytes(5)), "a text and its shape"),
        (numbers(4, mat_files.UINT8, b"", (1024, 1025)), "texts of more than 1,048,576"),
        (WRITER.array(6, (1, 1), flags=8), "complex numbers"),
        (ONE[:-8], "cut off"),
        (ONE + bytes(8), "another type"),
    ],
)
def test_only_what_the_bytes_hold_is_read(tmp_path, element, sentence):
    with pytest.raises(mat.BadMat, match=sentence):
        read(tmp_path / "a.mat", element)
