"""Encoders from SavedModel folders."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.encoders import saved_models
from tfvse import encoders
from tfvse.errors import UserError

pytest.importorskip("pkg_resources")
pytest.importorskip("tensorflow_hub")
GREY = tf.io.encode_png(np.full([5, 9, 3], 51, np.uint8))  # 51 / 255 = 0.2


@pytest.mark.parametrize(("size", "expected"), [(8, 8), (None, 224)])
def test_image_encoder(tmp_path, size, expected):
    encoder = encoders.image_encoder(saved_models.image_model(tmp_path, size))
    assert (encoder.dim, encoder.size) == (3, expected)
    np.testing.assert_allclose(encoder(tf.stack([GREY, GREY])), np.full([2, 3], 0.6), rtol=1e-3)


def test_text_encoder(tmp_path):
    encoder = encoders.text_features(saved_models.text_model(tmp_path), None)
    assert encoder.dim == 2
    np.testing.assert_allclose(encoder(tf.constant(["dog", ""])), [[9, 3], [0, 3]])


def test_an_output_called_default_is_taken(tmp_path):
    encoder = encoders.text_features(
        saved_models.text_model(tmp_path, outputs=("a", "default")), None
    )
    assert encoder.dim == 2


def test_exports_with_its_resources(tmp_path):
    encoder = encoders.image_encoder(saved_models.image_model(tmp_path / "hub"))
    module = tf.Module()
    module.resources = encoder.resources
    module.encode = tf.function(
        encoder.__call__, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, tmp_path / "exported")
    loaded = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(loaded.encode(tf.stack([GREY])), [[0.6, 0.6, 0.6]], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: f"hub:{folder}/missing", "cannot be loaded"),
        (saved_models.two_inputs, "must take one string tensor"),
        (saved_models.image_model, "must take one string tensor"),
        (
            lambda folder: saved_models.text_model(folder, ("a", "b")),
            "one tensor or one called default",
        ),
        (lambda folder: saved_models.image_model(folder, names=("other",)), "no signature called"),
    ],
)
def test_a_folder_of_something_else(tmp_path, make, sentence):
    with pytest.raises(UserError, match=sentence):
        encoders.text_features(make(tmp_path), None)


def test_an_encoder_that_reads_files_needs_trust(tmp_path, monkeypatch):
    name = saved_models.reads_files(tmp_path)
    with pytest.raises(UserError, match="holds the op ReadFile.* set TFVSE_TRUST_HUB=1"):
        encoders.text_features(name, None)
    monkeypatch.setenv("TFVSE_TRUST_HUB", "1")
    assert encoders.text_features(name, None).dim == 1


def test_encoders_of_word_numbers_need_no_features():
    with pytest.raises(UserError, match="needs no features beforehand"):
        encoders.text_features("glove_mean", None)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(UserError, match=r'--image_encoder=hub:x: .*pip install "\.\[hub\]"'):
        encoders.image_encoder("hub:x")
