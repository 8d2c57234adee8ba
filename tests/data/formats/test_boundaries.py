import os
import pathlib
import zlib

import numpy as np
import pytest
import scipy.io

from tfvse.data.formats import mat
from tfvse.data.formats.boundaries import read_annotations
from tfvse.errors import UserError

FIXTURE = pathlib.Path(os.environ.get("TFVSE_DATA", "")) / "bsds500" / "bench_fixture"


def write_annotations(path, images, **options):
    """A ground truth file as the benchmark has it."""
    cells = np.empty((1, len(images)), object)
    for column, image in enumerate(images):
        cells[0, column] = {"Segmentation": np.ones_like(image, np.uint16), "Boundaries": image}
    scipy.io.savemat(path, {"groundTruth": cells}, **options)
    return path


def drawn(*places, shape=(4, 6)):
    image = np.zeros(shape, np.uint8)
    image[tuple(zip(*places, strict=True)) if places else ([], [])] = 1
    return image


@pytest.mark.parametrize("compressed", [False, True])
def test_every_annotator_comes_back(tmp_path, compressed):
    images = [drawn((0, 1), (3, 5)), drawn(), drawn((2, 2))]
    found = read_annotations(
        write_annotations(tmp_path / "a.mat", images, do_compression=compressed)
    )
    assert [image.dtype for image in found] == [np.bool_] * 3
    np.testing.assert_array_equal(found, images)


def test_one_annotator_as_in_nyud(tmp_path):
    (found,) = read_annotations(str(write_annotations(tmp_path / "img_5001.mat", [drawn((1, 1))])))
    assert np.argwhere(found).tolist() == [[1, 1]]


@pytest.mark.skipif(not FIXTURE.is_dir(), reason="no BSDS500 in TFVSE_DATA")
def test_real_file():
    found = read_annotations(FIXTURE / "groundTruth" / "3063.mat")
    assert [int(image.sum()) for image in found] == [992, 991, 1014, 1239, 3805, 1197]
    assert {image.shape for image in found} == {(321, 481)}


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "annotation is empty"),
        ([drawn(), drawn()], "annotation is empty"),
        ([drawn((0, 0)), drawn(shape=(6, 4))], "differ in size"),
        ([np.ones((2, 2, 2))], r"float64 \[2, 2, 2\]"),
        ([np.ones((2, 2), complex)], "complex"),
    ],
)
def test_unusable_annotations(tmp_path, images, sentence):
    with pytest.raises(UserError, match=sentence):
        read_annotations(write_annotations(tmp_path / "a.mat", images))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"result": np.ones((2, 2))}, "no groundTruth"),
        ({"groundTruth": np.ones((2, 2))}, "no Boundaries"),
        ({"groundTruth": {"Segmentation": np.ones((2, 2))}}, "no Boundaries"),
    ],
)
def test_other_variables(tmp_path, content, sentence):
    scipy.io.savemat(tmp_path / "a.mat", content)
    with pytest.raises(UserError, match=sentence):
        read_annotations(tmp_path / "a.mat")


def test_damaged_files(tmp_path, monkeypatch):
    path = tmp_path / "a.mat"
    with pytest.raises(UserError, match="missing"):
        read_annotations(path)
    write_annotations(path, [drawn((1, 1))] * 3)
    data = path.read_bytes()
    for content, sentence in (
        (b"", "not a .mat file"),
        (b"\x89PNG" + data, "not a .mat file"),
        (b"MATLAB 7.3 MAT-file" + data[19:], "save it with -v7"),
        (data[:-40], "cut off"),
        (data[:200] + b"\xff" * (len(data) - 200), "damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=sentence):
            read_annotations(path)


def test_too_large(tmp_path, monkeypatch):
    path = write_annotations(tmp_path / "a.mat", [drawn((1, 1))])
    monkeypatch.setattr("tfvse.data.formats.boundaries.MAX_PIXELS", 23)
    with pytest.raises(UserError, match="at most 23 pixels"):
        read_annotations(path)
    packed = zlib.compress(bytes(10_000))
    header = path.read_bytes()[:128]
    path.write_bytes(
        header + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    )
    monkeypatch.setattr(mat, "MAX_UNPACKED_BYTES", 9_999)
    with pytest.raises(UserError, match="unpacked"):
        read_annotations(path)
    monkeypatch.setattr(mat, "MAX_BYTES", 100)
    with pytest.raises(UserError, match="too large"):
        read_annotations(path)
