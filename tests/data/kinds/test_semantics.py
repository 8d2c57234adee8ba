"""Regions, sparse corpora, and the second stream: images with the words that an encoder found."""

import shutil
import types

import numpy as np
import pytest

from tests.data.kinds.test_matching import NAME, SETTINGS
from tfvse import data
from tfvse.data import manifest, pipeline, records
from tfvse.data.kinds import captioned, matching
from tfvse.errors import UserError

SPARSE = {
    **SETTINGS,
    "image_encoder": "regions",
    "annotated_percent": 25.0,
    "sentences": 1,
    "semantics": "regional",
}


@pytest.fixture(scope="module")
def folder(prepared, tmp_path_factory):
    """Regions [3, 2] that hold the image's row, named by the row."""
    path = shutil.copytree(prepared / NAME, tmp_path_factory.mktemp("regions") / NAME)
    for split, counts in manifest.read(path)["splits"].items():
        rows = range(counts["images"])
        part = captioned.feature_part(split, "image", "regions")
        features = ({"feature": np.full([3, 2], row, np.float16)} for row in rows)
        words = ({"regional": f"thing image{row}".encode(), "global": b"whole"} for row in rows)
        fields = {"feature": {"dtype": "float16", "shape": [3, 2]}}
        manifest.add_part(path, part, records.write(path / part, features, fields))
        part, fields = captioned.semantics_part(part), {"regional": "bytes", "global": "bytes"}
        manifest.add_part(path, part, records.write(path / part, words, fields))
    return path


@pytest.fixture
def sparse(config, folder):
    return data.load_for(config(NAME, folder, **SPARSE))


def test_batches_follow_the_element_spec(sparse):
    batch = next(iter(pipeline.batches(sparse.train_set(), 16, 0, 0)))
    assert batch.keys() == sparse.element_spec.keys() > {"other_image", "other_text", "other_id"}
    for name, spec in sparse.element_spec.items():
        assert batch[name].dtype == spec.dtype and batch[name].shape[1:] == spec.shape[1:]
    assert batch["image"].shape == (16, 3, 2) and sparse.image_dim == 2


def test_both_streams_are_whole_and_apart(sparse):
    train_set = sparse.train_set()
    assert (
        train_set.sizes == sparse.sizes == (40, 120)
    )  # a quarter of 160 images with one sentence each
    batch = next(iter(pipeline.batches(train_set, 120, 0, 0)))
    known, others = set(batch["image_id"].numpy()), set(batch["other_id"].numpy())
    assert len(known) == 40 and known | others == set(range(160)) and not known & others


def test_words_go_with_the_regions_of_their_image(sparse):
    batch = next(iter(pipeline.batches(sparse.train_set(), 16, 0, 0)))
    for stream in ("", "other_"):
        rows = batch[f"{stream}image_id" if not stream else "other_id"].numpy()
        np.testing.assert_array_equal(batch[f"{stream}image"][:, 2, 1], rows)
    expected = sparse.vocabulary.lookup(
        [f"thing image{row}" for row in batch["other_id"].numpy()], 6
    )
    np.testing.assert_array_equal(batch["other_text"], expected)


def test_only_known_texts_and_semantics_make_the_vocabulary(sparse, config, folder):
    train = sparse.split("train")
    texts = [*train.texts[sparse.known_texts], *train.semantics[sparse.other_images]]
    assert set(sparse.vocabulary.words) == {
        word for text in texts for word in text.replace(":", "").split()
    }
    alone = data.load_for(
        config(NAME, folder, **SPARSE | {"semantics": "none", "annotated_percent": 1.0})
    )
    assert alone.vocabulary.size - 2 == len(
        train.texts[alone.known_texts][0].replace(":", "").split()
    )


def test_only_known_texts_are_labels(config, folder):
    found = data.load_for(config(NAME, folder, **SPARSE | {"labels": "words", "label_words": 100}))
    train, known = found.split("train"), found.known_texts
    assert set(found.classes) <= {
        word for text in train.texts[known] for word in text.replace(":", "").split()
    }
    for row in known:
        words = set(train.texts[row].replace(":", "").split()) & set(found.classes)
        image = train.targets()[train.image_of_text[row]].astype(bool)
        assert set(np.array(found.classes)[image]) == words  # one known sentence an image


def test_global_words_instead(config, folder):
    found = data.load_for(config(NAME, folder, **SPARSE | {"semantics": "global"}))
    assert "whole" in found.vocabulary.words and "thing" not in found.vocabulary.words


def test_where_every_image_is_annotated_all_are_others(config, folder):
    found = data.load_for(
        config(NAME, folder, **SPARSE | {"annotated_percent": 100.0, "sentences": 0})
    )
    assert found.sizes == (len(found.split("train").texts), 160)


def test_an_encoder_without_words(config):
    with pytest.raises(UserError, match="--semantics=regional: .* has no words that fake found"):
        data.load_for(config(NAME, **SPARSE | {"image_encoder": "fake"}))


def test_regions_are_read_as_float32(sparse):
    features = sparse.split("val").image_features()
    assert features.shape == (40, 3, 2) and features.dtype == np.float32
    np.testing.assert_array_equal(features[:, 0, 0], np.arange(40))


@pytest.mark.parametrize(
    ("images", "percent", "sentences", "pairs"),
    [
        (29_000, 10, 1, 2_900),
        (29_000, 10, 2, 5_800),
        (29_000, 10, 5, 14_500),
        (29_000, 20, 1, 5_800),
        (29_000, 20, 2, 11_600),
        (29_000, 20, 5, 29_000),
        (29_000, 50, 1, 14_500),
        (29_000, 50, 5, 72_500),
        (113_287, 5, 1, 5_664),
        (113_287, 5, 5, 28_320),
        (113_287, 10, 1, 11_328),
        (113_287, 20, 1, 22_657),
    ],
)
def test_the_pairs_of_the_papers_tables_1_and_3(images, percent, sentences, pairs):
    image_of_text = np.repeat(np.arange(images), 5)
    seen = types.SimpleNamespace(annotated_percent=float(percent), sentences=sentences)
    split = types.SimpleNamespace(image_of_text=image_of_text)
    corpus = types.SimpleNamespace(view=seen, split=lambda name: split)
    known = matching.MatchingData.known_texts.func(corpus)
    assert len(known) == pairs
    assert len(np.unique(image_of_text[known])) == pairs // sentences
