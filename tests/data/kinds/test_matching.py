import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.data import making
from tfvse import data
from tfvse.data import manifest, pipeline, verification
from tfvse.data.kinds import captioned, matching, matching_split
from tfvse.data.kinds.captioned import Captioned
from tfvse.errors import UserError

NAME = "synthetic_matching"
SETTINGS = {
    "image_encoder": "fake",
    "text_encoder": "glove_mean",
    "max_words": 6,
    "min_word_count": 1,
    "word_vectors": "none",
    "vector_words": 0,
    "annotated_percent": 100.0,
    "sentences": 0,
}


@pytest.fixture
def loaded(config):
    return data.load_for(config(NAME, **SETTINGS))


def first_batch(found, size=16):
    return next(iter(pipeline.batches(found.train_set(), size, 0, 0)))


def test_batches_follow_the_element_spec(loaded):
    batch = first_batch(loaded)
    assert set(batch) == set(loaded.element_spec) == {"image", "text", "image_id"}
    for name, spec in loaded.element_spec.items():
        assert batch[name].dtype == spec.dtype and batch[name].shape[1:] == spec.shape[1:]
    assert loaded.image_dim == 3


def test_a_text_goes_with_the_features_of_its_image(loaded):
    batch, train = first_batch(loaded), loaded.split("train")
    np.testing.assert_array_equal(
        batch["image"][:, 0], batch["image_id"]
    )  # the first number is the row
    tokens = train.text_inputs()
    for text, image_id in zip(batch["text"].numpy(), batch["image_id"].numpy(), strict=True):
        rows = np.flatnonzero((tokens == text).all(1))
        assert image_id in train.image_of_text[rows]


def test_an_epoch_is_every_pair_once(loaded):
    train = loaded.split("train")
    assert loaded.train_set().size == len(train.texts) == len(train.image_of_text)
    batch = first_batch(loaded, loaded.train_set().size)
    assert sorted(batch["image_id"].numpy()) == sorted(train.image_of_text)


def test_a_split_in_full(loaded):
    val = loaded.split("val")
    assert len(val.image_ids) == 40 and len(set(val.image_ids)) == 40
    assert val.image_features().shape == (40, 3)
    assert val.text_inputs().shape == (len(val.texts), 6) and val.text_inputs().dtype == np.int32
    for text, row in zip(val.texts, val.image_of_text, strict=True):
        assert (
            text.split()[-1] in text and val.image_ids[row].split("-")[1] in text
        )  # the shape is always told
    assert tf.io.decode_image(val.encoded(3)).shape == (64, 64, 3)
    assert len(set(val.text_ids)) == len(val.texts)


def test_the_vocabulary_is_of_the_training_texts(loaded):
    words = {word for text in loaded.split("train").texts for word in text.replace(":", "").split()}
    assert set(loaded.vocabulary.words) == words


def test_words_of_the_vectors_come_behind_those_of_training(config, loaded, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("red 1 2\nmaroon 3 4\nbeige 5 6\n")
    longer = data.load_for(
        config(NAME, **{**SETTINGS, "word_vectors": str(path), "vector_words": 2})
    ).vocabulary
    assert longer.words == [*loaded.vocabulary.words, "maroon"] and longer.counts[-1] == 0


def test_labels_of_the_data_set(config):
    found = data.load_for(config(NAME, **SETTINGS, labels="set"))
    batch, names = first_batch(found), found.split("train").image_ids
    assert found.single_label and found.element_spec["label"] == tf.TensorSpec([None], tf.int64)
    for label, image_id in zip(batch["label"].numpy(), batch["image_id"].numpy(), strict=True):
        assert names[image_id].split("-")[1] == found.classes[label]


def test_labels_made_of_words(config):
    found = data.load_for(config(NAME, **SETTINGS, labels="words", label_words=5))
    batch, train = first_batch(found), found.split("train")
    assert not found.single_label and found.element_spec["label"] == tf.TensorSpec(
        [None, 5], tf.float32
    )
    for label, image_id in zip(batch["label"].numpy(), batch["image_id"].numpy(), strict=True):
        said = " ".join(train.texts[train.image_of_text == image_id]).replace(":", "").split()
        assert label.tolist() == [float(word in said) for word in found.classes]


def test_without_classes_there_are_no_labels_of_the_set(loaded):
    without = {name: value for name, value in loaded.manifest.items() if name != "classes"}
    with pytest.raises(UserError, match="--labels=set: .* has no classes; use --labels=words"):
        matching.MatchingData(
            loaded.prepared_dir, without, dataclasses.replace(loaded.view, labels="set")
        )


def test_an_image_has_any_number_of_labels(tmp_path, images, read):
    train = []
    for image, labels in zip(images(3), [(0, 2), (), (1,)], strict=True):
        train.append(Captioned(str(len(train)), image, ("a",), labels))
    entries = captioned.write(
        tmp_path, {"train": train}, verification.Findings(), ("x", "y", "z"), single_label=False
    )
    manifest.write(tmp_path, {"data_set": "x", **entries})
    assert (entries["classes"], entries["single_label"]) == (["x", "y", "z"], False)
    assert read(tmp_path, "train/images", "labels") == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_data_prepared_without_a_tokenizer_has_plain_words(loaded):
    old = {name: value for name, value in loaded.manifest.items() if name != "tokenizer"}
    assert (
        loaded.manifest["tokenizer"]
        == matching.MatchingData(loaded.prepared_dir, old, loaded.view).tokenizer
        == "words"
    )


def test_sentence_features_take_the_place_of_words(config, tmp_path, prepared):
    folder = shutil.copytree(prepared / NAME, tmp_path / NAME)
    making.add_features(folder, "text", "hub:some/encoder", 5)
    settings = config(NAME, folder, **{**SETTINGS, "text_encoder": "hub:some/encoder"})
    found = data.load_for(settings)
    batch = first_batch(found)
    assert found.vocabulary is None and batch["text"].shape == (16, 5)
    owners = found.split("train").image_of_text
    np.testing.assert_array_equal(
        owners[batch["text"][:, 0].numpy().astype(int)], batch["image_id"]
    )


def test_large_sentence_vectors_stay_on_the_disk(config, tmp_path, prepared, monkeypatch):
    folder = shutil.copytree(prepared / NAME, tmp_path / NAME)
    making.add_features(folder, "text", "hub:some/encoder", 5)
    found = data.load_for(config(NAME, folder, **{**SETTINGS, "text_encoder": "hub:some/encoder"}))
    held = first_batch(found)["text"]
    monkeypatch.setattr(matching_split, "HELD_BYTES", 0)
    np.testing.assert_array_equal(first_batch(found)["text"], held)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image_encoder": "vgg19"}, "--image_encoder=vgg19"),
        ({"text_encoder": "hub:x"}, "--text_encoder=hub:x"),
    ],
)
def test_missing_features_name_the_command(config, changes, sentence):
    with pytest.raises(UserError, match=f"tfvse extract .*{sentence}"):
        data.load_for(config(NAME, **{**SETTINGS, **changes}))


def test_features_of_another_length_are_refused(config, prepared, tmp_path):
    folder = shutil.copytree(prepared / NAME, tmp_path / NAME)
    found = manifest.read(folder)
    found["parts"]["train/image_features.fake"] = found["parts"]["val/image_features.fake"]
    manifest.write(folder, found)
    with pytest.raises(UserError, match="has 40 rows instead of 160"):
        data.load_for(config(NAME, folder, **SETTINGS))


def test_an_unknown_split_names_the_others(loaded):
    with pytest.raises(UserError, match="has no such split; it has train, val, test"):
        loaded.split("restval")


def test_the_checksum_is_of_what_training_reads(loaded):
    changed = {**loaded.manifest, "remarks": ["anything"]}
    same = matching.MatchingData(loaded.prepared_dir, changed, loaded.view)
    assert same.checksum == loaded.checksum
    parts = {**changed["parts"], "train/texts": changed["parts"]["val/texts"]}
    assert manifest.checksum({"parts": parts}, loaded.split("train").part_names) != loaded.checksum


def write(folder, splits, skip_bad=False):
    findings = verification.Findings(skip_bad)
    entries = captioned.write(folder, splits, findings)
    manifest.write(folder, {"data_set": "x", **entries})
    return entries


def test_any_number_of_texts_per_image(tmp_path, images, read):
    one, two = images(2)
    splits = {"train": [Captioned("p", one, ("a b", "c ", " ")), Captioned("q", two, ("d",))]}
    entries = write(tmp_path, splits)
    assert entries["splits"] == {"train": {"images": 2, "texts": 3}}
    assert read(tmp_path, "train/texts", "text") == ["a b", "c", "d"]
    assert read(tmp_path, "train/texts", "image") == [0, 0, 1]
    assert read(tmp_path, "train/texts", "id") == ["p#0", "p#1", "q#0"]


def test_a_bad_image_takes_its_texts_along(tmp_path, images, read):
    good = Captioned("q", images(1)[0], ("fine",))
    splits = {
        "train": [
            Captioned("p", b"broken", ("lost",)),
            good,
            dataclasses.replace(good, id="r", texts=()),
        ]
    }
    with pytest.raises(UserError, match="p: image unreadable"):
        write(tmp_path, splits)
    entries = write(tmp_path, splits, skip_bad=True)
    assert len(entries["left_out"]) == 2
    assert read(tmp_path, "train/images", "id") == ["q"] and read(
        tmp_path, "train/texts", "text"
    ) == ["fine"]


def test_repeated_captions_are_remarked(tmp_path, images):
    entries = write(tmp_path, {"train": [Captioned("p", images(1)[0], ("a", "a"))]})
    assert "1 captions of train say the same" in entries["remarks"][0]


def test_an_empty_split_is_refused(tmp_path, images):
    with pytest.raises(UserError, match="split val holds no usable image"):
        write(tmp_path, {"train": [Captioned("p", images(1)[0], ("a",))], "val": []})


def test_feature_parts_are_file_names():
    assert (
        captioned.feature_part("val", "text", "hub:https://a/b")
        == "val/text_features.hub_https___a_b"
    )
