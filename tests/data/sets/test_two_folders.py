import types

import numpy as np
import pytest

from tests.data import making
from tfvse.data.sets import cycle_gan
from tfvse.errors import UserError


def fill(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(making.jpeg(sum(map(ord, str(folder / name)))))


def prepare(tmp_path, **flags):
    return making.prepare("two_folders", tmp_path / "out", data_dir=tmp_path / "in", **flags)


def counts(found):
    return {split: (count["a"], count["b"]) for split, count in found["splits"].items()}


def test_layout_of_cyclegan(tmp_path, read):
    for split, number in {"train": 3, "test": 2}.items():
        fill(tmp_path / "in" / f"{split}A", [f"{i}.jpg" for i in range(number)])
        fill(tmp_path / "in" / f"{split}B", [f"{i}.jpg" for i in range(number + 1)])
    found = prepare(tmp_path)
    assert counts(found) == {"train": (3, 4), "test": (2, 3)} and not found["paired"]
    assert read(tmp_path / "out", "train/a", "id") == ["train/0.jpg", "train/1.jpg", "train/2.jpg"]


def test_named_folders_of_splits(tmp_path):
    for split in ("train", "val"):
        fill(tmp_path / "in" / split / "photos", ["0.jpg"])
        fill(tmp_path / "in" / split / "sketches", ["0.png", "1.png"])
    assert counts(prepare(tmp_path, folder_a="photos", folder_b="sketches")) == {
        "train": (1, 2),
        "val": (1, 2),
    }


def test_splits_are_drawn_where_there_are_none(tmp_path, read):
    fill(tmp_path / "in" / "A", [f"{i}.jpg" for i in range(10)])
    fill(tmp_path / "in" / "B", [f"{i}.png" for i in range(20)])
    found = prepare(tmp_path, held_out=0.2)
    assert counts(found) == {"train": (6, 12), "val": (2, 4), "test": (2, 4)}
    names = [read(tmp_path / "out", f"{split}/b", "id") for split in ("train", "val", "test")]
    assert len(set(sum(names, []))) == 20


def test_pairs_are_kept_together(tmp_path, read):
    fill(tmp_path / "in" / "A", [f"{i}.jpg" for i in range(10)])
    fill(tmp_path / "in" / "B", [f"{i}.png" for i in range(10)])
    found = prepare(tmp_path, held_out=0.2, paired=True)
    assert found["paired"] and counts(found)["val"] == (2, 2)
    for split in ("train", "val", "test"):
        a, b = (read(tmp_path / "out", f"{split}/{domain}", "id") for domain in "ab")
        assert [name[:-4] for name in a] == [name[:-4] for name in b]


def test_an_image_without_partner_is_named(tmp_path):
    fill(tmp_path / "in" / "trainA", ["0.jpg", "1.jpg"])
    fill(tmp_path / "in" / "trainB", ["0.jpg", "2.jpg"])
    with pytest.raises(UserError, match="--paired: 1 and 1 others of train have no partner"):
        prepare(tmp_path, paired=True)


def test_names_that_differ_in_their_extension_are_no_pairs(tmp_path):
    fill(tmp_path / "in" / "trainA", ["0.jpg", "0.png"])
    fill(tmp_path / "in" / "trainB", ["0.jpg"])
    with pytest.raises(UserError, match="differ only in their extension"):
        prepare(tmp_path, paired=True)


def test_a_missing_domain_shows_the_layout(tmp_path, capsys):
    fill(tmp_path / "in" / "trainA", ["0.jpg"])
    with pytest.raises(UserError, match="trainB is missing"):
        prepare(tmp_path)
    assert "--held_out draws val and test" in capsys.readouterr().err


@pytest.fixture
def facades(tmp_path):
    """Two images whose left half is dark and whose right half is light."""
    for split in ("train", "val"):
        (tmp_path / "facades" / split).mkdir(parents=True)
        for i in range(2):
            both = np.full((16, 32, 3), 10 + i, np.uint8)
            both[:, 16:] = 200
            (tmp_path / "facades" / split / f"{i}.png").write_bytes(making.png(both))
    return tmp_path / "facades"


@pytest.mark.parametrize(("side", "level"), [("left", 10), ("right", 200)])
def test_halves(facades, tmp_path, read, side, level):
    found = making.prepare("facades", tmp_path / "out", data_dir=facades, a_side=side)
    assert counts(found) == {"train": (2, 2), "val": (2, 2)} and found["paired"]
    image = making.pixels(read(tmp_path / "out", "train/a", "picture")[0])
    assert image.shape == (16, 16, 3) and (image == level).all()
    assert side in found["source"]


def test_images_of_another_shape_are_named(facades, tmp_path):
    (facades / "train" / "2.png").write_bytes(making.png(np.zeros((16, 30, 3), np.uint8)))
    (facades / "train" / "3.png").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"2.png: is 30 x 16, must be twice as wide as high \(bad image: 2\)"
    ):
        making.prepare("facades", tmp_path / "out", data_dir=facades)
    assert counts(making.prepare("facades", tmp_path / "out", data_dir=facades, skip_bad=True))[
        "train"
    ] == (2, 2)


def test_tensorflow_datasets(tmp_path, monkeypatch):
    def load_tfds(name, splits, skip_decoding):
        assert name == "cycle_gan/horse2zebra"
        return None, {split: examples(i) for i, split in enumerate(splits)}

    def examples(seed):
        found = [{"image": making.jpeg(10 * seed + i)} for i in range(seed + 1)]
        return types.SimpleNamespace(as_numpy_iterator=lambda: iter(found))

    monkeypatch.setattr(cycle_gan, "load_tfds", load_tfds)
    found = making.prepare("cycle_gan", tmp_path / "out", variant="horse2zebra")
    assert counts(found) == {"train": (1, 2), "test": (3, 4)}
    with pytest.raises(UserError, match="--variant: missing"):
        making.prepare("cycle_gan", tmp_path / "other")
