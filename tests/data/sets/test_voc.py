import numpy as np
import pytest
from PIL import Image

from tests.data import making
from tfvse.data.sets import voc
from tfvse.errors import UserError

LISTS = {"train": ["a", "b"], "val": ["c", "d"], "trainaug": ["a", "b", "c"]}


@pytest.fixture
def root(tmp_path):
    """Four images a to d of one label each, 0 to 3, as palettes; SBD's grey masks say 20."""
    for name in (
        "JPEGImages",
        "SegmentationClass",
        "SegmentationClassAug",
        "ImageSets/Segmentation",
    ):
        (tmp_path / "in" / name).mkdir(parents=True)
    for i, name in enumerate("abcd"):
        (tmp_path / f"in/JPEGImages/{name}.jpg").write_bytes(making.jpeg(i, 5))
        mask = Image.new("P", (5, 5), i)
        mask.putpalette([level for colour in voc.colours(256) for level in colour])
        (tmp_path / f"in/SegmentationClass/{name}.png").write_bytes(making.png(mask))
        (tmp_path / f"in/SegmentationClassAug/{name}.png").write_bytes(
            making.png(np.full((5, 5), 20, np.uint8))
        )
    for name, listed in LISTS.items():
        (tmp_path / f"in/ImageSets/Segmentation/{name}.txt").write_text("\n".join(listed) + "\n")
    return tmp_path / "in"


def prepare(root, **flags):
    return making.prepare("voc2012", root.parent / "out", data_dir=root, **flags)


def test_merged_val_has_no_image_of_the_training(root, read):
    found = prepare(root)
    assert found["splits"] == {"train": {"examples": 3}, "val": {"examples": 1}}
    assert read(root.parent / "out", "val/examples", "id") == ["d"]
    assert found["remarks"][0] == "val: 1 of 2 images, the others are for training"


def test_official(root):
    assert prepare(root, variant="official")["splits"] == {
        "train": {"examples": 2},
        "val": {"examples": 2},
    }


@pytest.mark.parametrize("variant, expected", [("merged", [20, 20, 20]), ("official", [0, 1])])
def test_masks_are_indices_of_the_right_folder(root, read, variant, expected):
    prepare(root, variant=variant)
    masks = read(root.parent / "out", "train/examples", "labels")
    assert [making.pixels(mask)[0, 0, 0] for mask in masks] == expected


def test_colours_are_vocs():
    # Of the development kit: aeroplane, bicycle, bottle, tv/monitor, and void, whose index is 255.
    found = voc.colours(256)
    assert [found[i] for i in (0, 1, 2, 5, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 0, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]


def test_a_missing_list_and_a_name_without_an_image_are_told(root):
    (root / "ImageSets/Segmentation/trainaug.txt").write_text("a\nz\n")
    with pytest.raises(UserError, match="z.jpg: image missing"):
        prepare(root)
    (root / "ImageSets/Segmentation/trainaug.txt").unlink()
    with pytest.raises(UserError, match="ImageSets/Segmentation/trainaug.txt is missing"):
        prepare(root)


def test_a_list_is_text(root):
    (root / "ImageSets/Segmentation/val.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="val.txt: not a text in UTF-8, see line 1"):
        prepare(root)
