"""Archives of arrays: what is read, and what is refused before it is unpacked."""

import io
import zipfile

import numpy as np
import pytest

from tfvse.encoders import array_files
from tfvse.encoders.array_files import BadArrays

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back(tmp_path, save):
    save(tmp_path / "a.npz", a=MATRIX, b=MATRIX.T, words=np.array(["a", "dog"]), one=np.array("x"))
    names = array_files.names(tmp_path / "a.npz")
    found = array_files.read_npz(tmp_path / "a.npz", names)
    np.testing.assert_array_equal(found["a"], MATRIX)
    np.testing.assert_array_equal(found["b"], MATRIX.T)
    assert found["words"].tolist() == ["a", "dog"] and str(found["one"]) == "x"


def test_a_mapped_array_is_the_same(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(MATRIX))
    np.testing.assert_array_equal(array_files.map_npy(tmp_path / "a.npy"), MATRIX)


def test_no_more_is_unpacked_than_is_declared(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(2**20, np.float32))
    with pytest.raises(BadArrays, match="takes more than 1,000 bytes"):
        array_files.read_npz(path, ["a"], most=1000)

    size = (4 * 2**20 + 128).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (128).to_bytes(4, "little")))
    with pytest.raises(BadArrays, match="damaged|differ in size"):
        array_files.read_npz(path, ["a"], most=1000)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (npy(np.array([{}], object)), "is of object, not of numbers"),
        (npy(MATRIX)[:-1], "differ in size"),
        (npy(MATRIX) + b"x", "differ in size"),
        (npy(np.zeros((0, 3))), "differ in size"),
        (npy(MATRIX).replace(b"(2, 3)", b"(2, -3"), "damaged header"),
        (b"", "damaged header"),
    ],
)
def test_an_array_that_is_not_what_it_says(tmp_path, data, sentence):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", data)
    with pytest.raises(BadArrays, match=sentence):
        array_files.read_npz(tmp_path / "a.npz", ["a"])


def test_archives_that_are_none(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(BadArrays, match="damaged or no .npz"):
        array_files.names(path)
    np.savez(path, b=MATRIX)
    with pytest.raises(BadArrays, match="has no array a"):
        array_files.read_npz(path, ["a"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", npy(MATRIX))
    with pytest.raises(BadArrays, match="a way that NumPy does not use"):
        array_files.read_npz(path, ["a"])
