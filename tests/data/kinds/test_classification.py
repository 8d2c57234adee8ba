import numpy as np
import pytest
import tensorflow as tf

from tfvse import data
from tfvse.data import pipeline, verification
from tfvse.data.kinds import classification
from tfvse.errors import UserError


def load(config, augment=False, resize_to=0, crop=0, **settings):
    name = settings.pop("name", "synthetic_classification")
    return data.load_for(config(name, augment=augment, resize_to=resize_to, crop=crop, **settings))


def first_batch(found, size=8):
    return next(iter(pipeline.batches(found.train_set(), size, 0, 0)))


def test_batches_hold_the_images_of_the_split(config):
    found = load(config)
    batch, train = first_batch(found), found.split("train")
    images, labels = train.read(np.arange(len(train)))
    assert {name: batch[name].dtype for name in batch} == {"image": tf.float32, "label": tf.int64}
    for image, label in zip(batch["image"].numpy(), batch["label"].numpy(), strict=True):
        assert label in labels[np.flatnonzero((images == image).all((1, 2, 3)))]
    assert images.dtype == np.float32 and images.shape == (600, 32, 32, 3)
    assert set(labels) == set(range(len(found.classes)))


def test_batches_of_a_split_are_the_split(config):
    split = load(config).split("val")
    batches = list(split.batches(50))
    assert [len(labels) for _, labels in batches] == [50, 50, 20]
    for whole, parts in zip(split.read(np.arange(120)), zip(*batches, strict=True), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_images_are_scaled_and_cut(config):
    found, plain = load(config, resize_to=40, crop=36), load(config)
    assert found.element_spec["image"].shape == (None, 36, 36, 3)
    image = plain.split("val").read([3])[0][0]
    expected = tf.image.resize(image, (40, 40), antialias=True)[2:38, 2:38]
    np.testing.assert_allclose(found.split("val").read([3])[0][0], expected, atol=1e-4)
    np.testing.assert_allclose(
        plain.split("val", found.framing).read([3])[0][0], expected, atol=1e-4
    )
    assert first_batch(found)["image"].shape == (8, 36, 36, 3)


def test_augmented_batches_are_reproducible_and_differ_from_plain_ones(config):
    first, again, plain = (
        first_batch(load(config, augment))["image"] for augment in (True, True, False)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, plain)


def write(folder, splits, classes=("a", "b")):
    return classification.write_pixels(folder, splits, classes, verification.Findings())


def arrays(count, seed=0, label=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8), np.full(count, label)


def test_leaks_are_remarked(tmp_path):
    entries = write(tmp_path, {"train": arrays(3), "test": arrays(2)})
    assert entries["remarks"] == ["2 images of test are in train as well (the same pixels)"]


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        (arrays(2, label=2), "label outside"),
        ((arrays(2)[0], np.zeros(3)), "3 labels"),
        (arrays(0), "0 images"),
    ],
)
def test_wrong_labels_are_refused(tmp_path, split, sentence):
    with pytest.raises(UserError, match=sentence):
        write(tmp_path, {"train": split})
