import numpy as np
import pytest
from PIL import Image

from tfvse.errors import UserError
from tfvse.evaluation import segmentation
from tfvse.figures import label_maps

CLASSES, COLOURS = (
    ("sky", "sea", "moon"),
    np.array([[0, 0, 255], [0, 128, 128], [250, 250, 200]], np.uint8),
)


def image(predicted):
    """An image whose red is what `red` will see."""
    return np.repeat(np.array(predicted, np.uint8)[..., None], 3, axis=-1)


def red(pixels):
    return pixels[..., 0]


def example(predicted, labels):
    return image(predicted), np.array(labels, np.uint8)


def test_pixels_of_all_images_are_pooled_and_void_is_not_counted():
    # Sky: 2 right of 2 + 1 predicted wrongly = 2/3; sea: 1 right, 1 missed = 1/2.
    # The moon is nowhere.
    split = [example([[0, 0, 1]], [[0, 0, 255]]), example([[0], [1]], [[1], [1]])]
    result = segmentation.evaluate(red, split, CLASSES)
    assert result.metrics == pytest.approx(
        {
            "mean_iou": 175 / 3,
            "pixel_accuracy": 75,
            "class_accuracy": 75,
            "IoU/sky": 200 / 3,
            "IoU/sea": 50,
        }
    )
    assert result.details["confusion"] == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    low, high = result.intervals["pixel_accuracy"]
    assert (low, high) == (50, 100)  # one image is all right, the other half
    assert "IoU/sky" in result.intervals and "void" in result.protocol["counts"]


def test_an_empty_split_and_one_of_void_are_refused():
    with pytest.raises(UserError, match="holds no images"):
        segmentation.evaluate(red, [], CLASSES)
    with pytest.raises(UserError, match="every pixel of the split is void"):
        segmentation.evaluate(red, [example([[0]], [[255]])], CLASSES)


def test_classes_have_their_colours_and_void_is_white():
    found = label_maps.colour(np.array([[1, 255, 0]], np.uint8), COLOURS)
    assert found.tolist() == [[[0, 128, 128], [255, 255, 255], [0, 0, 255]]]


def test_images_of_several_sizes_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    examples = []
    for height, width in ((20, 30), (40, 25), (1, 1)):
        maps = rng.integers(0, 3, (2, height, width), np.uint8)
        examples.append((rng.integers(0, 256, (height, width, 3), np.uint8), *maps))
    assert label_maps.montage(examples, COLOURS).shape == (61, 90, 3)
    path = label_maps.comparison(tmp_path / "grid.png", examples, CLASSES, COLOURS, "A title")
    bars = label_maps.class_bars(tmp_path / "bars.png", {"sky": 30.0, "sea": 90.0}, "A title")
    for drawn in (path, bars):
        with Image.open(drawn) as found:
            assert min(found.size) > 100 and len(np.unique(np.array(found.convert("L")))) > 3
