"""WordPiece: what the characters become, and the longest pieces first."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfvse.encoders.wordpiece import WordPiece, split_words
from tfvse.errors import UserError

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "dog",
    "##s",
    "run",
    "##ning",
    "##n",
    "##ing",
    "un",
    "##run",
    ".",
]


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory):
    file = tmp_path_factory.mktemp("words") / "vocab.txt"
    file.write_text("\n".join(PIECES) + "\n")
    return WordPiece(file)


def words(text):
    return [word.decode() for word in split_words(tf.constant([text])).to_list()[0]]


def pieces(wordpiece, *texts, most=20):
    return [
        [PIECES[i] for i in row if PIECES[i] != "[PAD]"]
        for row in wordpiece(tf.constant(texts), most).numpy()
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Dog RUNS", ["a", "dog", "runs"]),
        ("don't stop!!", ["don", "'", "t", "stop", "!", "!"]),
        ("Ünïcödé façade", ["unicode", "facade"]),
        ("$5 ^_^", ["$", "5", "^", "_", "^"]),
        ("日本 dog", ["日", "本", "dog"]),
        ("tab\tnew\nline\u200b\x00end", ["tab", "new", "lineend"]),
        ("\u037e", [";"]),  # the Greek question mark is a semicolon once it is decomposed
        ("", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_longest_pieces_first(wordpiece):
    found = pieces(wordpiece, "A dog running.", "dogs unrun", "cat dog", "")
    assert found[0] == ["[CLS]", "a", "dog", "run", "##ning", ".", "[SEP]"]
    assert found[1] == ["[CLS]", "dog", "##s", "un", "##run", "[SEP]"]
    assert found[2] == ["[CLS]", "[UNK]", "dog", "[SEP]"]
    assert found[3] == ["[CLS]", "[SEP]"]


def test_a_word_of_which_the_end_does_not_fit_is_unknown_as_a_whole(wordpiece):
    assert pieces(wordpiece, "runx " + "s" * 101) == [["[CLS]", "[UNK]", "[UNK]", "[SEP]"]]


def test_a_long_text_is_cut_before_its_end_mark(wordpiece):
    assert pieces(wordpiece, "dog " * 50, most=5) == [["[CLS]", "dog", "dog", "dog", "[SEP]"]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_any_text_has_a_start_an_end_and_as_many_rows(wordpiece, texts):
    found = wordpiece(tf.constant(texts), 16).numpy()
    assert len(found) == len(texts) and found.shape[1] <= 16
    assert (found[:, 0] == 2).all() and ((found == 3).sum(axis=1) == 1).all()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_splitting_is_idempotent(text):
    once = words(text)
    assert words(" ".join(once)) == once


def test_an_invalid_byte_is_left_out(wordpiece):
    assert pieces(wordpiece, b"do\xffg") == [["[CLS]", "dog", "[SEP]"]]


def test_a_vocabulary_without_its_marks_is_told(tmp_path):
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(UserError, match=r"no vocabulary of BERT's"):
        WordPiece(tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\n", "a piece is there twice"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\r\n", "a piece is there twice"),
        (b"[PAD]\n\xff\n", "not a text in UTF-8"),
        (b"", "no vocabulary of BERT"),
    ],
)
def test_a_damaged_vocabulary_is_told(tmp_path, content, sentence):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        WordPiece(tmp_path / "vocab.txt")


def test_a_missing_vocabulary_is_told(tmp_path):
    with pytest.raises(UserError, match="vocab.txt: "):
        WordPiece(tmp_path / "vocab.txt")


def test_in_a_graph_it_is_the_same(wordpiece):
    texts = tf.constant(["a dog running.", "日本 runs", ""])
    np.testing.assert_array_equal(
        tf.function(lambda t: wordpiece(t, 9))(texts), wordpiece(texts, 9)
    )
