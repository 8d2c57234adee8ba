import os

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tests.data.formats.test_boundaries import drawn, write_annotations
from tfvse.data.formats.edge_maps import EdgeMapFolder, read_edge_map
from tfvse.errors import UserError

RAMP = np.arange(24, dtype=np.uint8).reshape(4, 6) * 11


@pytest.mark.parametrize("values", [RAMP, RAMP.astype(np.uint16) * 257])
def test_png_of_eight_and_sixteen_bits(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "a.png")
    found = read_edge_map(tmp_path / "a.png")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, RAMP / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [(RAMP / 255, RAMP / 255), (RAMP, RAMP / 255), (RAMP > 99, RAMP > 99), (RAMP * 2.5, None)],
)
def test_matrix(tmp_path, values, expected):
    scipy.io.savemat(tmp_path / "a.mat", {"edge_nms": values})
    np.testing.assert_allclose(
        read_edge_map(tmp_path / "a.mat"), values if expected is None else expected, atol=1e-4
    )


def folders(tmp_path, maps="ab", annotations="ab"):
    for folder in ("maps", "truth"):
        (tmp_path / folder).mkdir()
    for name in maps:
        Image.fromarray(RAMP).save(tmp_path / "maps" / f"{name}.png")
    for name in annotations:
        write_annotations(tmp_path / "truth" / f"{name}.mat", [drawn((1, 1))])
    return tmp_path / "maps", tmp_path / "truth"


def test_a_folder_can_be_read_twice(tmp_path):
    pairs = EdgeMapFolder(*folders(tmp_path))
    assert len(pairs) == 2 and [[name for name, *_ in pairs] for _ in range(2)] == [["a", "b"]] * 2
    _, edge_map, (annotation,) = next(iter(pairs))
    np.testing.assert_allclose(edge_map, RAMP / 255, atol=1e-6)
    assert annotation.tolist() == (drawn((1, 1)) > 0).tolist()


@pytest.mark.parametrize(
    ("maps", "annotations", "sentence"),
    [
        ("abc", "ab", "c: is in .*maps but not in .*truth"),
        ("a", "ab", "b: is in .*truth but"),
        ("", "a", "no .png"),
    ],
)
def test_partners_are_asked_for(tmp_path, maps, annotations, sentence):
    with pytest.raises(UserError, match=sentence):
        EdgeMapFolder(*folders(tmp_path, maps, annotations))


def test_unusable_folders(tmp_path):
    maps, truth = folders(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        EdgeMapFolder(tmp_path / "none", truth)
    scipy.io.savemat(maps / "a.mat", {"x": RAMP})
    with pytest.raises(UserError, match="both a .png and a .mat"):
        EdgeMapFolder(maps, truth)


def test_a_name_that_is_not_text(tmp_path):
    maps, truth = folders(tmp_path)
    (maps / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(UserError, match=r"the name '\\udcff.png' is not UTF-8"):
        EdgeMapFolder(maps, truth)


@pytest.mark.parametrize("name", ["a.png", "a.mat"])
def test_a_pipe_is_no_edge_map(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="not a regular file"):
        read_edge_map(tmp_path / name)


def test_unusable_maps(tmp_path, monkeypatch):
    png, matrix = tmp_path / "a.png", tmp_path / "a.mat"
    for path in (png, matrix):
        with pytest.raises(UserError, match="missing"):
            read_edge_map(path)
        path.write_bytes(b"nothing of the kind")
        with pytest.raises(UserError, match="unreadable"):
            read_edge_map(path)
    scipy.io.savemat(matrix, {"x": RAMP, "y": RAMP})
    with pytest.raises(UserError, match="holds x, y"):
        read_edge_map(matrix)
    Image.fromarray(np.stack([RAMP] * 3, -1)).save(png)
    with pytest.raises(UserError, match="RGB, not grey"):
        read_edge_map(png)
    Image.fromarray(RAMP).save(png)
    png.write_bytes(png.read_bytes()[:-30])
    with pytest.raises(UserError, match="damaged"):
        read_edge_map(png)
    monkeypatch.setattr("tfvse.data.formats.edge_maps.MAX_PIXELS", 23)
    with pytest.raises(UserError, match="at most 23"):
        read_edge_map(png)
