import dataclasses
import types

import numpy as np
import pytest

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import MatchingConfig

IMAGES = 30
CAPTIONS = 3
DIM = 6


class Split:
    """Images with `CAPTIONS` texts each, whose features are the image's with a little noise."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.image_ids = np.array([f"p{i}" for i in range(IMAGES)])
        self.image_of_text = np.repeat(np.arange(IMAGES), CAPTIONS)
        self.texts = np.array([f"text {i}" for i in range(IMAGES * CAPTIONS)])
        self.features = rng.normal(size=(IMAGES, DIM)).astype("float32")
        self.noise = 0.05 * rng.normal(size=(IMAGES * CAPTIONS, DIM)).astype("float32")

    def image_inputs(self):
        return self.features

    def text_inputs(self):
        return self.features[self.image_of_text] + self.noise

    def encoded(self, row):
        import tensorflow as tf

        return tf.io.encode_png(np.full((8, 8 + row, 3), row, np.uint8)).numpy()


@dataclasses.dataclass(frozen=True)
class Config(MatchingConfig):
    """Two parts are scored."""

    scores: str = setting("first,second", "scores that are fused")


class Copy(MatchingSystem):
    """Both parts are the features as they are; the second one looks away from the first number."""

    Config = Config

    def image_parts(self, image):
        return {"first": image, "second": image[:, 1:], "unused": image}

    text_parts = image_parts


def data(vocabulary=None):
    split = Split()
    splits = {"train": {}, "val": {}}
    split.data = types.SimpleNamespace(
        split=lambda name: split,
        vocabulary=vocabulary,
        manifest={"splits": splits},
        checksum="00",
        known_texts=np.arange(IMAGES * CAPTIONS),
    )
    return split.data


def copy(**settings):
    return Copy(Config(system="copy", data="noise", steps=1, **settings))


def test_embeddings_are_the_configured_parts_at_length_one():
    parts = copy().embed_images(Split().image_inputs())
    assert list(parts) == ["first", "second"]
    for rows in parts.values():
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.ones(IMAGES), rtol=1e-5)


@pytest.mark.parametrize("fusion", ["average", "adaptive"])
def test_evaluation_finds_planted_pairs(fusion):
    report = copy(fusion=fusion).evaluate(data(), "val")
    assert report.metrics["i2t/R@1"] == report.metrics["t2i/R@1"] == 100.0
    protocol = report.protocol
    assert (protocol["scores"], protocol["late_fusion"], protocol["captions_per_image"]) == (
        ["first", "second"],
        fusion,
        [CAPTIONS, CAPTIONS],
    )


def test_a_vocabulary_is_said_to_come_from_the_training_texts():
    assert "training" in copy().evaluate(data(vocabulary=object()), "val").vocabulary
    assert copy().evaluate(data(), "val").vocabulary == ""


def test_a_score_is_lowered_by_half_the_closeness_to_training_samples():
    split = data().split("val")
    system = copy(hub_neighbours=2)
    images, texts = system.embed_split(split)
    to_text, to_image = system.scorers(split)
    # The scores are also those of the training samples.
    scores = np.mean([images[name] @ texts[name].T for name in ("first", "second")], axis=0)
    np.testing.assert_allclose(
        to_text(slice(4), slice(None)),
        scores[:4] - np.sort(scores, axis=0)[-2:].mean(axis=0) / 2,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        to_image(slice(4), slice(2, 9)),
        scores.T[:4, 2:9] - np.sort(scores.T, axis=0)[-2:, 2:9].mean(axis=0) / 2,
        atol=1e-5,
    )


def test_a_report_says_that_scores_were_lowered():
    assert copy(hub_neighbours=10).evaluate(data(), "val").protocol["hub_neighbours"] == 10
    assert "hub_neighbours" not in copy().evaluate(data(), "val").protocol


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"canonical_components": 4, "image_components": 3},
            "--image_components=3: must be 0 with --canonical",
        ),
        ({"canonical_components": 4, "train_text_encoder": True}, "--notrain_text_encoder"),
    ],
)
def test_components_that_contradict_each_other_are_told(settings, told):
    with pytest.raises(UserError, match=told):
        copy(**settings).config.check()


def test_folds_are_smaller_galleries():
    report = copy(folds=3).evaluate(data(), "val")
    assert (report.protocol["folds"], report.protocol["gallery_images"]) == (3, IMAGES // 3)


def test_collapse_is_told_and_training_is_not():
    assert "collapsed" in copy().warning({"loss": 0.3, "mean_cosine": 0.999})
    assert (
        copy().warning({"loss": 0.3, "mean_cosine": 0.7}) is copy().warning({"loss": 0.3}) is None
    )


def test_sample_is_the_similarity_matrix_with_a_bright_diagonal():
    image = copy().samples(data())["similarities"]
    assert (image.dtype, image.shape) == (np.uint8, (4 * IMAGES, 4 * IMAGES, 3))
    assert np.diagonal(image[:, :, 0]).mean() > 200 > image.mean() + 40


def test_contact_sheet_is_written(tmp_path):
    system = copy()
    report = system.evaluate(data(), "val")
    (path,) = system.plots(report, data(), tmp_path)
    assert path.stat().st_size > 1000


def test_gallery_is_the_test_split_where_there_is_one():
    found = data()
    found.split = lambda name: name
    assert copy().gallery(found) == "val"
    found.manifest["splits"]["test"] = {}
    assert copy().gallery(found) == "test"
