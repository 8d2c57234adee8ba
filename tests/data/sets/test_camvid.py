import numpy as np
import pytest

from tests.data import making
from tfvse.data.sets import camvid
from tfvse.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """An image for training and one for val, whose label maps count 0 ... 11."""
    for i, split in enumerate(("train", "val")):
        for kind in (split, f"{split}annot"):
            (tmp_path / "in" / kind).mkdir(parents=True)
        (tmp_path / "in" / split / "a.jpg").write_bytes(making.jpeg(i, 4))
        labels = np.arange(16, dtype=np.uint8).reshape(4, 4) % 12
        (tmp_path / "in" / f"{split}annot" / "a.png").write_bytes(making.png(labels))
    return tmp_path


def test_eleven_classes_and_void(folder, read):
    found = making.prepare("camvid", folder / "out", data_dir=folder / "in")
    assert found["splits"] == {"train": {"examples": 1}, "val": {"examples": 1}}
    assert (
        len(found["classes"])
        == len(found["colours"])
        == len({tuple(colour) for colour in found["colours"]})
        == 11
    )
    (labels,) = read(folder / "out", "train/examples", "labels")
    assert making.pixels(labels)[..., 0].ravel().tolist() == [*range(11), 255, 0, 1, 2, 3]


def test_an_image_without_its_label_map_is_named(folder):
    (folder / "in/valannot/a.png").unlink()
    with pytest.raises(UserError, match="valannot/a.png: label map missing"):
        making.prepare("camvid", folder / "out", data_dir=folder / "in")
    assert not (folder / "out").exists()


def test_the_layout_is_shown(tmp_path, capsys):
    with pytest.raises(UserError, match="train is missing"):
        making.prepare("camvid", tmp_path / "out", data_dir=tmp_path / "in")
    shown = capsys.readouterr().err
    assert all(name in shown for name in camvid.CLASSES)
