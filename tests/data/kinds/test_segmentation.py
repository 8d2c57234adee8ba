"""Images with a class for every pixel: verified, written, cut into patches, read whole."""

import numpy as np
import pytest
from PIL import Image

from tests.data import making
from tests.data.formats.test_images import bomb
from tfvse import data
from tfvse.data import manifest, pipeline, verification
from tfvse.data.kinds import segmentation
from tfvse.data.kinds.segmentation import LabelledPixels
from tfvse.errors import UserError
from tfvse.metrics.segmentation import VOID

NAME = "synthetic_segmentation"
CLASSES, COLOURS = ("sky", "sea"), ((0, 0, 255), (0, 128, 128))


def image(width=6, height=4):
    return making.png(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def labels(width=6, height=4, label=1):
    return making.png(np.full((height, width), label, np.uint8))


def write(folder, *entries, skip_bad=False, void=VOID):
    findings = verification.Findings(skip_bad)
    entries = segmentation.write(folder, {"train": list(entries)}, CLASSES, COLOURS, findings, void)
    manifest.write(folder, {"data_set": NAME, **entries})
    return entries


@pytest.fixture
def load(tmp_path, config):
    """Callable (size, **settings) → the data set in tmp_path."""

    def of_size(size=4, **settings):
        settings = {"resize_to": 0, "mirror": False, "patch_size": size, **settings}
        return data.load_for(config(NAME, tmp_path, **settings))

    return of_size


def batch(found, size=1):
    return next(iter(pipeline.batches(found.train_set(), size, 0, 0).as_numpy_iterator()))


def test_what_is_written_is_read(tmp_path, load):
    entries = write(tmp_path, LabelledPixels("a", image(), labels(label=1)))
    assert entries["splits"] == {"train": {"examples": 1}} and entries["classes"] == list(CLASSES)
    found = load()
    assert found.colours.tolist() == [list(colour) for colour in COLOURS]
    pixels, read = found.split("train").read(0)
    np.testing.assert_array_equal(pixels, making.pixels(image()))
    assert read.shape == (4, 6) and (read == 1).all()


def test_the_data_sets_own_void_becomes_ours(tmp_path, load):
    write(tmp_path, LabelledPixels("a", image(), labels(label=11)), void=11)
    assert (load().split("train").read(0)[1] == VOID).all()


def test_a_palette_is_read_as_indices(tmp_path, load):
    palette = Image.fromarray(np.tile(np.array([0, 1, 255], np.uint8), (4, 2)), "P")
    palette.putpalette([10, 20, 30] * 256)
    write(tmp_path, LabelledPixels("a", image(), making.png(palette)))
    assert load().split("train").read(0)[1][0].tolist() == [0, 1, 255, 0, 1, 255]


@pytest.mark.parametrize(
    "mask, words",
    [
        (labels(5, 4), "a: label map is 5 x 4 pixels, must be 6 x 4 as its image is"),
        (labels(label=2), "a: label map has the label 2, must be one of 0 ... 1, or 255 for void"),
        (image(), "not a label map: a PNG in RGB, must be a grey or palette PNG"),
        (making.encode(Image.new("L", (6, 4)), "JPEG"), "not a label map: a JPEG in L"),
        (labels()[:45], "label map unreadable: damaged"),
        (b"", "label map unreadable: empty file"),
        (bomb(100_000, 100_000), "label map too large"),
    ],
)
def test_bad_label_maps_stop_it_or_are_left_out(tmp_path, mask, words):
    entries = LabelledPixels("a", image(), mask), LabelledPixels("b", image(7), labels(7))
    with pytest.raises(UserError, match=words):
        write(tmp_path, *entries)
    assert not list(tmp_path.iterdir())
    written = write(tmp_path, *entries, skip_bad=True)
    assert written["splits"]["train"] == {"examples": 1} and len(written["left_out"]) == 1


def test_a_missing_label_map_and_a_bad_image_are_named(tmp_path):
    with pytest.raises(UserError, match="none.png: label map missing"):
        write(tmp_path, LabelledPixels("a", image(), tmp_path / "none.png"))
    with pytest.raises(UserError, match="a: image unreadable"):
        write(tmp_path, LabelledPixels("a", b"x", labels()))
    with pytest.raises(UserError, match="no usable image"):
        write(tmp_path)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P"])
def test_images_of_any_mode_become_rgb(tmp_path, load, mode):
    odd = making.encode(Image.new(mode, (6, 4)), "JPEG" if mode == "CMYK" else "PNG")
    write(tmp_path, LabelledPixels("a", odd, labels()))
    assert load().split("train").read(0)[0].shape == (4, 6, 3)


def test_a_pixel_is_an_image_and_the_rest_of_its_patch_is_void(tmp_path, load):
    write(tmp_path, LabelledPixels("a", image(1, 1), labels(1, 1)))
    found = batch(load(3))
    assert found["image"].shape == (1, 3, 3, 3) and found["labels"].dtype == np.uint8
    assert found["labels"].tolist() == [[[1, VOID, VOID], [VOID] * 3, [VOID] * 3]]


def test_squeezed_patches_hold_the_whole_image(tmp_path, load):
    halves = np.repeat(np.array([[0, 0, 0, 1, 1, 1]], np.uint8), 4, 0)
    grey = making.png(np.repeat(halves[..., None] * 200, 3, -1).astype(np.uint8))
    write(tmp_path, LabelledPixels("a", grey, making.png(halves)))
    found = batch(load(2, resize_to=2))
    assert found["labels"].tolist() == [[[0, 1], [0, 1]]]
    np.testing.assert_allclose(found["image"][0, :, :, 0], [[0, 200], [0, 200]], atol=30)
    images, maps = load(2).split("train").squeezed([0], 2)
    np.testing.assert_allclose(images, found["image"], atol=1e-4)
    np.testing.assert_array_equal(maps, found["labels"])


def test_drawn_shapes_have_their_masks(tmp_path, config):
    making.prepare(NAME, tmp_path / "out")
    found = data.load_for(config(NAME, tmp_path / "out", resize_to=0, patch_size=40, mirror=True))
    for pixels, maps in found.split("val"):
        shape = (maps != 0) & (maps != VOID)
        assert (
            pixels.shape[:2] == maps.shape
            and pixels[maps == 0].min() > 200 > pixels[shape].min(axis=-1).max()
        )
    assert batch(found, 4)["image"].shape == (4, 40, 40, 3)
