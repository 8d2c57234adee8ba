"""Folders of classes, ImageNet and Indoor-67 in their layouts, a few images each."""

import types

import numpy as np
import pytest
from PIL import Image

from tests.data import making
from tfvse import data
from tfvse.data import manifest, pipeline
from tfvse.data.sets import class_folders
from tfvse.errors import UserError


def fill(folder, count, first=0):
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"{i}.jpg").write_bytes(making.jpeg(first + i, size=10 + i))


def prepare(tmp_path, name="class_folders", **flags):
    return making.prepare(name, tmp_path / "out", data_dir=tmp_path / "in", **flags)


def counts(found):
    return {split: count["examples"] for split, count in found["splits"].items()}


@pytest.fixture
def split_folders(tmp_path):
    for i, place in enumerate(["train/cat", "train/dog", "val/cat", "val/dog"]):
        fill(tmp_path / "in" / place, 3, 10 * i)
    return tmp_path


@pytest.fixture
def plain_folders(tmp_path):
    for i, (name, count) in enumerate({"cat": 10, "dog": 20}.items()):
        fill(tmp_path / "in" / name, count, 100 * i)
    return tmp_path


def test_splits_with_folders(split_folders, read):
    found = prepare(split_folders)
    assert (found["kind"], found["classes"], counts(found)) == (
        "classification",
        ["cat", "dog"],
        {"train": 6, "val": 6},
    )
    assert read(split_folders / "out", "val/examples", "id")[3] == "val/dog/0.jpg"
    assert read(split_folders / "out", "val/examples", "label") == [0, 0, 0, 1, 1, 1]
    stored = read(split_folders / "out", "train/examples", "picture")
    assert stored[0] == (split_folders / "in/train/cat/0.jpg").read_bytes()


def test_a_share_of_every_class_is_held_out(plain_folders, read):
    assert counts(prepare(plain_folders, held_out=0.2)) == {"val": 6, "test": 6, "train": 18}
    labels = {
        split: read(plain_folders / "out", f"{split}/examples", "label")
        for split in ("train", "val", "test")
    }
    assert {split: (found.count(0), found.count(1)) for split, found in labels.items()} == {
        "train": (6, 12),
        "val": (2, 4),
        "test": (2, 4),
    }


def test_so_many_of_every_class_are_for_training(plain_folders, read):
    assert counts(prepare(plain_folders, train_per_class=4)) == {"test": 22, "train": 8}
    assert read(plain_folders / "out", "train/examples", "label") == [0] * 4 + [1] * 4
    names = read(plain_folders / "out", "train/examples", "id") + read(
        plain_folders / "out", "test/examples", "id"
    )
    assert len(set(names)) == 30


def test_odd_files_are_told_and_left_out(split_folders):
    folder = split_folders / "in/train/cat"
    cmyk, grey = Image.new("CMYK", (9, 9), (10, 80, 90, 0)), Image.new("L", (9, 9), 99)
    (folder / "cmyk.JPEG").write_bytes(making.encode(cmyk, "JPEG"))
    (folder / "grey.JPEG").write_bytes(making.encode(grey, "JPEG"))
    (folder / "png.JPEG").write_bytes(making.encode(grey.convert("RGB"), "PNG"))
    (folder / "cut.JPEG").write_bytes(making.jpeg()[:200])
    (folder / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match=r"cut.JPEG: image unreadable"):
        prepare(split_folders)
    assert not (split_folders / "out").exists()
    found = prepare(split_folders, skip_bad=True)
    assert counts(found)["train"] == 9 and len(found["left_out"]) == 1


def test_a_class_without_training_images_is_named(split_folders):
    fill(split_folders / "in/val/elk", 1, 90)
    with pytest.raises(UserError, match="val/elk: .* has no such class"):
        prepare(split_folders)


def test_folders_without_classes_are_told(tmp_path):
    fill(tmp_path / "in", 2)
    with pytest.raises(UserError, match="at least two folders"):
        prepare(tmp_path)


def test_training_reads_images_of_any_size(split_folders, config):
    prepare(split_folders)
    settings = {"augment": True, "resize_to": 12, "crop": 8}
    found = data.load_for(config("class_folders", split_folders / "out", **settings))
    batch = next(iter(pipeline.batches(found.train_set(), 6, 0, 0)))
    assert batch["image"].shape == (6, 8, 8, 3) and sorted(batch["label"].numpy()) == [
        0,
        0,
        0,
        1,
        1,
        1,
    ]
    images, labels = found.split("val").read([0, 3])
    image = making.pixels((split_folders / "in/val/dog/0.jpg").read_bytes())
    np.testing.assert_array_equal(images[1], found.framing.central(found.framing.scale(image)))
    assert labels.tolist() == [0, 1]


def test_images_of_any_size_need_one_to_be_seen_at(split_folders, config):
    prepare(split_folders)
    found = data.load_for(
        config("class_folders", split_folders / "out", augment=False, resize_to=0, crop=0)
    )
    with pytest.raises(UserError, match="holds images of any size; set --resize_to and --crop"):
        found.train_set()


def test_empty_folders_are_told(tmp_path):
    for name in "ab":
        (tmp_path / "in" / name).mkdir(parents=True)
    with pytest.raises(UserError, match="its 2 folders hold no images"):
        prepare(tmp_path)


def test_imagenet_in_folders(split_folders):
    found = prepare(split_folders, "imagenet")
    assert found["data_set"] == "imagenet" and counts(found) == {"train": 6, "val": 6}


def test_imagenet_without_its_validation_folder_shows_the_layout(tmp_path, capsys):
    fill(tmp_path / "in/train/n01440764", 1)
    with pytest.raises(UserError, match="val is missing there"):
        prepare(tmp_path, "imagenet")
    assert "ILSVRC2012_img_train.tar" in capsys.readouterr().err


def test_imagenet_from_tensorflow_datasets(tmp_path, monkeypatch, read):
    def load_tfds(name, splits, skip_decoding):
        assert (name, splits, skip_decoding) == (
            "imagenet2012",
            {"train": "train", "val": "validation"},
            ("image",),
        )
        info = types.SimpleNamespace(
            features={"label": types.SimpleNamespace(names=["n01", "n02"])}
        )
        return info, {"train": examples(4, 0), "val": examples(2, 10)}

    def examples(count, first):
        found = [{"image": making.jpeg(first + i), "label": i % 2} for i in range(count)]
        return types.SimpleNamespace(as_numpy_iterator=lambda: iter(found))

    monkeypatch.setattr(class_folders, "load_tfds", load_tfds)
    found = making.prepare("imagenet", tmp_path / "out")
    assert (found["classes"], counts(found)) == (["n01", "n02"], {"train": 4, "val": 2})
    assert read(tmp_path / "out", "train/examples", "picture")[3] == making.jpeg(3)
    assert read(tmp_path / "out", "train/examples", "label") == [0, 1, 0, 1]


@pytest.fixture
def indoor67(tmp_path):
    for i, name in enumerate(["attic", "bar"]):
        fill(tmp_path / "in/Images" / name, 3, 10 * i)
    (tmp_path / "in/TrainImages.txt").write_text("bar/0.jpg\nattic/2.jpg\nattic/0.jpg")
    (tmp_path / "in/TestImages.txt").write_text("bar/2.jpg\n")
    return tmp_path


def test_indoor67_follows_its_lists(indoor67, read):
    assert counts(prepare(indoor67, "indoor67")) == {"train": 3, "test": 1}
    assert read(indoor67 / "out", "train/examples", "id") == [
        "bar/0.jpg",
        "attic/2.jpg",
        "attic/0.jpg",
    ]
    assert read(indoor67 / "out", "train/examples", "label") == [1, 0, 0]


def test_a_wrong_line_of_a_list_is_named(indoor67):
    (indoor67 / "in/TestImages.txt").write_text("bar/2.jpg\nzoo/1.jpg\n")
    with pytest.raises(UserError, match="TestImages.txt, line 2"):
        prepare(indoor67, "indoor67")


def test_a_listed_image_that_is_missing_is_named(indoor67):
    (indoor67 / "in/TestImages.txt").write_text("bar/9.jpg\n")
    with pytest.raises(UserError, match="9.jpg: image missing"):
        prepare(indoor67, "indoor67")
    assert not (indoor67 / "out" / manifest.FILE).exists()
