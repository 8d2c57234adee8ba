import numpy as np
import pytest
import tensorflow as tf

from tests.data import making
from tfvse import data
from tfvse.data import manifest, pipeline, verification
from tfvse.data.kinds import translation
from tfvse.data.kinds.translation import DomainImage
from tfvse.errors import UserError

NAME = "synthetic_translation"


def load(config, load_size=20, crop_size=16, folder=None):
    return data.load_for(config(NAME, folder, load_size=load_size, crop_size=crop_size))


def take(found, count, size=2, **options):
    return list(
        pipeline.batches(found.train_set(), size, 0, 0, **options).take(count).as_numpy_iterator()
    )


def test_batches_are_crops_in_minus_one_to_one(config):
    (batch,) = take(load(config), 1)
    assert set(batch) == {"a", "b"}
    for images in batch.values():
        assert images.shape == (2, 16, 16, 3) and images.dtype == np.float32
        assert -1 <= images.min() < images.max() <= 1


def test_batches_are_reproducible_and_unpaired(config):
    first, again = take(load(config), 3), take(load(config), 3)
    assert all(
        np.array_equal(x["a"], y["a"]) and np.array_equal(x["b"], y["b"])
        for x, y in zip(first, again, strict=True)
    )
    order = pipeline.order((40, 40), 40, 0, 0)
    assert (order[:, 0] == order[:, 1]).mean() < 0.2


def test_replicas_share_a_batch(config):
    whole, halves = (
        take(load(config), 1, 4),
        take(load(config), 2, 4, replicas=2, replica_ids=(0, 1)),
    )
    np.testing.assert_array_equal(whole[0]["b"], np.concatenate([half["b"] for half in halves]))


def test_without_room_the_crop_is_the_image_or_its_mirror(config):
    found = load(config, 16, 16)
    train = found.split("train")
    known = train.images("a", np.arange(train.count_a))
    for image in take(found, 1)[0]["a"]:
        same = [
            np.allclose(image, k, atol=1e-5) or np.allclose(image[:, ::-1], k, atol=1e-5)
            for k in known
        ]
        assert any(same)


def test_a_split(config):
    val = load(config).split("val")
    assert (val.count_a, val.count_b, val.paired) == (10, 10, True)
    assert val.images("b", [3, 0]).shape == (2, 16, 16, 3)
    assert val.ids("a").tolist() == val.ids("b").tolist()
    assert tf.io.decode_image(val.encoded(0, "a")).shape == (64, 64, 3)


def test_scaling_keeps_the_values(tmp_path, config):
    # White, of another shape than the crop: everything must be 1.
    white = DomainImage("w", making.png(np.full((30, 20, 3), 255, np.uint8)))
    write(tmp_path, {"train": ([white], [white])}, paired=False)
    np.testing.assert_allclose(
        load(config, 24, 16, tmp_path).split("train").images("a", [0]), 1, atol=1e-6
    )


def test_load_size_must_hold_the_crop(config):
    with pytest.raises(UserError, match="--load_size=8: must be at least --crop_size=16"):
        load(config, 8, 16)


def write(folder, splits, paired, skip_bad=False):
    entries = translation.write(folder, splits, paired, verification.Findings(skip_bad))
    manifest.write(folder, {"data_set": NAME, **entries})
    return entries


@pytest.mark.parametrize("paired", [True, False])
def test_of_a_pair_a_bad_image_takes_its_partner_out(tmp_path, images, read, paired):
    a, b, c, d = images(4)
    splits = {
        "train": (
            [DomainImage("1", a), DomainImage("2", b"")],
            [DomainImage("1", c), DomainImage("2", d)],
        )
    }
    with pytest.raises(UserError, match="2: image unreadable"):
        write(tmp_path, splits, paired)
    entries = write(tmp_path, splits, paired, skip_bad=True)
    assert entries["splits"]["train"] == {"a": 1, "b": 1 if paired else 2}
    assert read(tmp_path, "train/b", "picture")[0] == c


def test_an_empty_domain_is_refused(tmp_path, images):
    with pytest.raises(UserError, match="no usable image of domain b"):
        write(tmp_path, {"train": ([DomainImage("1", images(1)[0])], [])}, paired=False)
