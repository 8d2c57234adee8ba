"""Features of a whole prepared set: right rows, resumed after a kill, with clear errors."""

import importlib
import types

import numpy as np
import pytest
import tensorflow as tf

from tests.data import making
from tests.encoders import saved_models
from tfvse import data, encoders
from tfvse.data import extraction, manifest, records
from tfvse.data.sets import synthetic
from tfvse.errors import UserError

FLAGS = types.SimpleNamespace(seed=0, skip_bad=False)


@pytest.fixture
def prepared(tmp_path):
    entries = synthetic.prepare_matching(FLAGS, tmp_path)
    manifest.write(tmp_path, {"data_set": "synthetic_matching", "left_out": [], **entries})
    return tmp_path


def part(folder, name):
    return records.Part(folder, manifest.read(folder), name)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(extraction, "CHUNK", 16)


class Killed(BaseException):
    """Stops extraction as a kill would, without an exception handler of ours in between."""


def killed_after(monkeypatch, batches):
    """Lets `batches` batches through, then stops; returns the list of sizes of encoded batches."""
    real, sizes = extraction._fill, []

    def watched(features):
        for count, batch in enumerate(features):
            if count == batches:
                raise Killed
            sizes.append(len(batch["feature"]))
            yield batch

    def fill(chunks, features, *arguments):
        real(chunks, watched(features), *arguments)

    monkeypatch.setattr(extraction, "_fill", fill)
    return sizes


def test_every_split_gets_its_rows(prepared):
    added = extraction.extract_images(prepared, "random", batch_size=32)
    assert added == [f"{split}/image_features.random" for split in ("train", "val", "test")]
    encoder = encoders.image_encoder("random")
    for split in ("val", "test"):
        images = part(prepared, f"{split}/images").all("picture")
        features = part(prepared, f"{split}/image_features.random").all("feature")
        np.testing.assert_allclose(
            features, encoder(tf.constant(images.tolist())), rtol=1e-5, atol=1e-5
        )
    assert not list(prepared.rglob("*unfinished*"))


def test_what_is_there_is_left_alone(prepared):
    extraction.extract_images(prepared, "random", 32)
    before = {path: path.stat().st_mtime_ns for path in prepared.rglob("*") if path.is_file()}
    assert extraction.extract_images(prepared, "random", 32) == []
    assert before == {
        path: path.stat().st_mtime_ns for path in prepared.rglob("*") if path.is_file()
    }


def test_a_killed_run_goes_on_where_it_stopped(prepared, small_chunks, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(patch, batches=5)  # 40 of 160 rows, 32 of them in whole chunks
        with pytest.raises(Killed):
            extraction.extract_images(prepared, "random", 8)
    assert "train/image_features.random" not in manifest.read(prepared)["parts"]
    sizes = killed_after(monkeypatch, batches=None)
    extraction.extract_images(prepared, "random", 8)
    assert sum(sizes) == (160 - 32) + 40 + 40
    images = part(prepared, "train/images").all("picture").tolist()
    features = part(prepared, "train/image_features.random").all("feature")
    whole = np.concatenate(
        [encoders.image_encoder("random")(tf.constant(images[i : i + 8])) for i in range(0, 160, 8)]
    )
    np.testing.assert_allclose(features, whole, rtol=1e-5, atol=1e-5)


def test_a_damaged_chunk_is_named(prepared, small_chunks, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(patch, batches=5)
        with pytest.raises(Killed):
            extraction.extract_images(prepared, "random", 8)
    chunk = next(prepared.glob("**/0*.npz"))
    chunk.write_bytes(chunk.read_bytes()[:-100])
    with pytest.raises(UserError, match=f"{chunk.name}: is damaged .*remove it"):
        extraction.extract_images(prepared, "random", 8)


def test_chunks_of_other_images_are_not_taken(prepared, small_chunks, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(patch, batches=5)
        with pytest.raises(Killed):
            extraction.extract_images(prepared, "random", 8)
    entries = synthetic.prepare_matching(types.SimpleNamespace(seed=1, skip_bad=False), prepared)
    manifest.write(prepared, {"data_set": "synthetic_matching", "left_out": [], **entries})
    sizes = killed_after(monkeypatch, batches=None)
    extraction.extract_images(prepared, "random", 8)
    assert sum(sizes) == 240


def test_images_of_different_sizes_are_encoded_one_by_one(prepared, monkeypatch):
    encoder = encoders.image_encoder("random")
    varied = types.SimpleNamespace(
        size=None, preprocess=encoder.preprocess, encode=encoder.encode, describe=None
    )
    monkeypatch.setattr(encoders, "image_encoder", lambda name: varied)
    sizes = killed_after(monkeypatch, batches=None)
    extraction.extract_images(prepared, "varied", 32)
    assert set(sizes) == {1}


def test_regions_and_their_words_outlive_a_kill(prepared, small_chunks, monkeypatch):
    with monkeypatch.context() as patch:
        killed_after(patch, batches=5)
        with pytest.raises(Killed):
            extraction.extract_images(prepared, "random_regions", 8)
    extraction.extract_images(prepared, "random_regions", 8)
    assert not list(prepared.rglob("*unfinished*"))
    features, words = (
        part(prepared, f"train/{what}.random_regions") for what in ("image_features", "semantics")
    )
    assert (
        features.fields == {"feature": {"dtype": "float16", "shape": [12, 32]}}
        and len(features) == 160
    )
    encoder, row = encoders.image_encoder("random_regions"), 77
    pixels = encoder.preprocess(tf.constant(part(prepared, "train/images").all("picture")[row]))[
        tf.newaxis
    ]
    described = encoder.describe(pixels)
    np.testing.assert_allclose(features.all("feature")[row], described["feature"][0], atol=1e-2)
    assert [words.all(kind)[row] for kind in ("regional", "global")] == [
        described["regional"],
        described["global"],
    ]


def test_text_features_are_what_training_reads(prepared):
    name = saved_models.text_model(prepared / "hub")
    extraction.extract_images(prepared, "random", 32)
    extraction.extract_texts(prepared, name, 32)
    view = making.view("matching", image_encoder="random", text_encoder=name, max_words=4)
    split = data.load(prepared, view).split("val")
    lengths = [len(text.encode()) for text in split.texts]
    np.testing.assert_array_equal(split.text_inputs()[:, 0], 3 * np.array(lengths))


def test_a_set_of_another_kind(tmp_path):
    manifest.write(tmp_path, {"kind": "classification", "splits": {}, "parts": {}})
    with pytest.raises(UserError, match="is for classification; features are of images with texts"):
        extraction.extract_images(tmp_path, "random", 8)


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("extract_features", "tools/extract_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tool(tool, prepared, capsys):
    tool.main([f"--prepared_dir={prepared}", "--image_encoder=random"])
    assert "added train/image_features.random" in capsys.readouterr().out
    tool.main([f"--prepared_dir={prepared}", "--image_encoder=random"])
    assert "has these features already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--image_encoder=random"], "--prepared_dir: missing"),
        (["--prepared_dir=x"], "give one of them"),
        (["--prepared_dir=missing", "--image_encoder=random"], "no prepared data"),
        (["--prepared_dir=x", "--image_encoder=random", "--batch_size=0"], "must be at least 1"),
    ],
)
def test_wrong_flags(tool, flags, sentence):
    with pytest.raises(UserError, match=sentence):
        tool.main(flags)


def test_a_second_extraction_of_the_same_encoder_is_told(prepared, monkeypatch):
    def second(*arguments):
        extraction.extract_images(prepared, "random", batch_size=32)

    monkeypatch.setattr(extraction, "_extract", second)
    with pytest.raises(UserError, match="another process extracts the image features of random"):
        second()
    monkeypatch.undo()
    assert len(extraction.extract_images(prepared, "random", batch_size=32)) == 3


def test_what_a_kill_left_of_a_chunk_is_no_chunk(prepared, small_chunks, monkeypatch):
    killed_after(monkeypatch, 2)
    with pytest.raises(Killed):
        extraction.extract_images(prepared, "random", batch_size=16)
    chunks = next((prepared / "train").glob("*.unfinished"))
    (chunks / ".partial.0000000032-0000000048.npz.abcdefgh.npz").write_bytes(b"half")
    monkeypatch.undo()
    assert len(extraction.extract_images(prepared, "random", batch_size=16)) == 3
