import json
import pathlib
import shutil

import pytest

from tfvse import data, errors
from tfvse.data import manifest
from tfvse.data.sets.options import SetOptions
from tfvse.errors import UserError
from tools import train


def test_every_data_set_and_kind_can_be_imported():
    for target in data.KINDS.values():
        assert callable(data.find(target))
    for data_set in data.DATASETS.values():
        assert callable(data_set.find("prepare")) and data_set.kind in data.KINDS
        assert issubclass(data_set.find("options"), SetOptions)
        assert not data_set.layout or data_set.find("layout").startswith("\n")


def test_the_kind_must_be_the_wanted_one(config):
    with pytest.raises(
        UserError, match="is a data set for translation; this system learns matching"
    ):
        data.load_for(
            config("synthetic_translation", kind="matching", image_encoder="fake", text_encoder="x")
        )


def test_the_data_set_must_be_the_wanted_one(config, prepared):
    with pytest.raises(UserError, match="holds synthetic_translation instead"):
        data.load_for(config("cifar10", prepared / "synthetic_translation", augment=False))


def test_nothing_prepared_names_the_tool(tmp_path):
    with pytest.raises(UserError, match="run tfvse prepare"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"format": 3})])
def test_a_broken_manifest_is_told(tmp_path, content):
    (tmp_path / manifest.FILE).write_text(content)
    with pytest.raises(UserError, match="not a manifest"):
        manifest.read(tmp_path)


@pytest.fixture
def old(prepared, tmp_path):
    """Callable (changes) → a folder of before there were checksums, with a changed manifest."""

    def make(**changes):
        folder = shutil.copytree(prepared / "synthetic_matching", tmp_path / "old")
        found = manifest.read(folder)
        del found["files"]
        (folder / manifest.FILE).write_text(json.dumps(found | {"format": 1} | changes))
        return folder

    return make


def matching(config, folder):
    return data.load_for(
        config(
            "synthetic_matching",
            folder,
            image_encoder="fake",
            text_encoder="glove_mean",
            vector_words=0,
            max_words=6,
            min_word_count=1,
            annotated_percent=100,
            sentences=0,
            word_vectors="none",
        )
    )


def test_a_folder_of_before_still_loads(config, prepared, old):
    assert (
        matching(config, old()).checksum
        == matching(config, prepared / "synthetic_matching").checksum
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"parts": []}, "parts must be an object"),
        ({"kind": 3}, "kind must be a text"),
        ({"kind": "poems"}, "holds a set for poems"),
        ({"tokenizer": "letters"}, "tokenizer letters: must be one of words, tweets"),
        ({"splits": {"train": {"images": -1}}}, "splits, train must hold numbers"),
        ({"splits": {"dev": {}}}, "splits must be train, val, test, not dev"),
        ({"parts": {"train/images": {}}}, "parts, train/images: no shards"),
        ({"left_out": "none"}, "left_out must be a list"),
    ],
)
def test_a_manifest_of_another_form_is_one_sentence(config, old, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        matching(config, old(**changes))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"count": 3}, "count must be the sum"),
        ({"fields": {"id": "words"}}, "the field id must be"),
        ({"fields": {"id": {"dtype": "uint8", "shape": [2**40]}}}, "the shape of id is too large"),
        ({"shards": [{"file": "../a", "records": 1, "bytes": 1, "sha256": ""}]}, "not inside"),
        ({"shards": [{"file": "a", "records": "1", "bytes": 1, "sha256": ""}]}, "numbers above 0"),
        ({"shards": [3]}, "a shard must have file"),
    ],
)
def test_a_part_of_another_form_is_one_sentence(old, changed, sentence):
    entry = {"count": 1, "fields": {}, "shards": []} | changed
    with pytest.raises(UserError, match=sentence):
        manifest.read(old(parts={"train/images": entry}))


def test_a_missing_key_is_named(tmp_path):
    (tmp_path / manifest.FILE).write_text('{"format": 1, "splits": {}, "parts": {}}')
    with pytest.raises(UserError, match="has no kind"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("depth", [900, 2000])
def test_a_deeply_nested_manifest_is_one_sentence(tmp_path, depth):
    nested = "[" * depth + "]" * depth
    (tmp_path / manifest.FILE).write_text('{"format": 2, "x": ' + nested + "}")
    with pytest.raises(UserError, match="manifest.json"):
        manifest.read(tmp_path)


def test_an_edited_tokenizer_is_noticed(prepared, tmp_path):
    folder = shutil.copytree(prepared / "synthetic_matching", tmp_path / "copy")
    path = folder / manifest.FILE
    path.write_text(path.read_text().replace('"tokenizer": "words"', '"tokenizer": "tweets"'))
    with pytest.raises(UserError, match="manifest.json: is damaged or was edited"):
        manifest.read(folder)


def test_a_damaged_vocabulary_is_noticed(config, prepared, tmp_path):
    folder = shutil.copytree(prepared / "synthetic_matching", tmp_path / "copy")
    path = folder / "vocabulary.txt"
    path.write_text(path.read_text().replace("circle", "circus"))
    with pytest.raises(UserError, match="vocabulary.txt: is damaged or was edited"):
        matching(config, folder)


def test_the_summary_names_counts_and_licence(prepared):
    text = manifest.summary(manifest.read(prepared / "synthetic_translation"), "here")
    assert "train: 40 a, 40 b" in text and "licence: " in text


def test_a_set_that_the_system_does_not_learn_from_is_one_sentence(
    prepared, tmp_path, monkeypatch, capsys
):
    flagfile = pathlib.Path(__file__).parents[2] / "configs/smoke/cyclematch.cfg"
    flags = [
        f"--flagfile={flagfile}",
        "--data=synthetic_classification",
        f"--prepared_dir={prepared / 'synthetic_classification'}",
        f"--run_dir={tmp_path / 'run'}",
    ]
    monkeypatch.setattr("sys.argv", ["train.py", *flags])
    monkeypatch.setattr("tfvse.interruption.install", lambda: None)
    with pytest.raises(SystemExit) as ended:
        errors.run(train.main)
    assert ended.value.code == 2
    sentence = "is a data set for classification; this system learns matching"
    assert sentence in capsys.readouterr().err
