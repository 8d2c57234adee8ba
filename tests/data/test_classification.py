import numpy as np
import pytest
import tensorflow as tf

from tfvse import data
from tfvse.data import classification, pipeline, verification
from tfvse.errors import UserError


def load(config, augment=False):
    return data.load(config("synthetic_classification", augment=augment))


def first_batch(found, size=8):
    return next(iter(pipeline.batches(found.train_set(), size, 0, 0)))


def test_batches_hold_the_pictures_of_the_split(config):
    found = load(config)
    batch, train = first_batch(found), found.split("train")
    assert {name: batch[name].dtype for name in batch} == {"image": tf.float32, "label": tf.int64}
    for image, label in zip(batch["image"].numpy(), batch["label"].numpy(), strict=True):
        rows = np.flatnonzero((train.images == image).all((1, 2, 3)))
        assert label in train.labels[rows]
    assert train.images.dtype == np.uint8 and train.images.shape == (600, 32, 32, 3)
    assert set(train.labels) == set(range(len(found.classes)))


def test_augmented_batches_are_reproducible_and_differ_from_plain_ones(config):
    first, again, plain = (first_batch(load(config, augment))["image"] for augment in (True, True, False))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, plain)


def shifted(images, *noise):
    return classification.shift_and_flip(tf.constant(images), tf.constant([noise] * len(images), tf.float32)).numpy()


def test_shift_and_flip_by_hand():
    image = np.arange(5 * 5 * 3, dtype=np.float32).reshape(1, 5, 5, 3)
    # 0.5 · 9 = 4.5 → start 4, the picture's own corner; 0.4: not mirrored.
    np.testing.assert_allclose(shifted(image, 0.5, 0.5, 0.4), image, atol=1e-4)
    np.testing.assert_allclose(shifted(image, 0.5, 0.5, 0.6), image[:, :, ::-1], atol=1e-4)
    # 0.99 · 9 = 8.91 → start 8: four rows further down in the padded picture; the mean, 37, comes in below.
    moved = shifted(image, 0.99, 0.5, 0.4)
    np.testing.assert_allclose(moved[0, 0], image[0, 4], atol=1e-4)
    np.testing.assert_allclose(moved[0, 1:], 37, atol=1e-4)


def test_the_border_vanishes_under_contrast_normalisation():
    image = np.random.default_rng(0).uniform(0, 255, (1, 6, 6, 3)).astype(np.float32)
    moved = shifted(image, 0.0, 0.5, 0.0)
    np.testing.assert_allclose(moved[0, :4].mean(), image.mean(), rtol=1e-5)


def test_every_shift_is_possible():
    images = np.zeros((500, 4, 4, 3), np.float32)
    images[:, 0, 0] = 160
    noise = tf.constant(pipeline.noise(0, 0, 500))
    found = classification.shift_and_flip(tf.constant(images), noise).numpy()[..., 0] > 50
    assert found.any(0).all()  # the bright corner has been everywhere


def write(folder, splits, classes=("a", "b")):
    return classification.write(folder, splits, classes, verification.Findings())


def arrays(count, seed=0, label=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8), np.full(count, label)


def test_leaks_are_remarked(tmp_path):
    entries = write(tmp_path, {"train": arrays(3), "test": arrays(2)})
    assert entries["remarks"] == ["2 pictures of test are in train as well (the same pixels)"]


@pytest.mark.parametrize(
    ("split", "sentence"),
    [(arrays(2, label=2), "label outside"), ((arrays(2)[0], np.zeros(3)), "3 labels"), (arrays(0), "0 pictures")],
)
def test_wrong_labels_are_refused(tmp_path, split, sentence):
    with pytest.raises(UserError, match=sentence):
        write(tmp_path, {"train": split})
