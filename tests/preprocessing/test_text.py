"""Tokenisation and the vocabulary."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfvse.errors import UserError
from tfvse.preprocessing.text import RESERVED, Vocabulary, count_words, tokenize

TEXTS = [
    "A dog, a cat.",
    "The dog's ball",
    "a DOG",
]  # a 3, dog 3, then once each: ball, cat, s, the


def words(text):
    return [word.decode() for word in tokenize([text])[0].numpy()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog's ball -- don't!", ["a", "dog", "s", "ball", "don", "t"]),
        ("black-and-white\tcat\n", ["black", "and", "white", "cat"]),
        ("ÉTÉ à Žilina", ["été", "à", "žilina"]),
        ("2\u00a0cats…\u3000猫", ["2", "cats", "猫"]),
        ("+ 😀 $", []),
        ("", []),
    ],
)
def test_tokenize(text, expected):
    assert words(text) == expected


def test_invalid_utf8_ends_a_word():
    assert words(b"do\xffg") == ["do", "g"]


@given(st.text())
def test_words_are_lower_case_and_hold_no_space(text):
    found = words(text)
    assert all(word and not any(c.isspace() for c in word) for word in found)
    assert words(" ".join(found)) == found


def test_count_words_orders_by_frequency_then_alphabet():
    assert list(count_words(TEXTS).items()) == [
        ("a", 3),
        ("dog", 3),
        ("ball", 1),
        ("cat", 1),
        ("s", 1),
        ("the", 1),
    ]


def test_lookup_pads_cuts_and_knows_the_unknown():
    vocabulary = Vocabulary.from_texts(TEXTS, min_count=3)
    assert vocabulary.words == ["a", "dog"] and vocabulary.size == 4
    tokens = vocabulary.lookup(["Dog! Zebra a dog dog", "", "a"], max_words=4)
    assert tokens.dtype == tf.int32
    assert tokens.numpy().tolist() == [[3, 1, 2, 3], [0, 0, 0, 0], [2, 0, 0, 0]]


@pytest.mark.parametrize("min_count", [1, 3])
def test_read_gives_what_was_written(tmp_path, min_count):
    path = tmp_path / "vocabulary.txt"
    Vocabulary.from_texts(TEXTS).write(path)
    assert path.read_text().splitlines()[:2] == ["a\t3", "dog\t3"]
    read, made = Vocabulary.read(path, min_count), Vocabulary.from_texts(TEXTS, min_count)
    assert (read.words, read.counts) == (made.words, made.counts)
    assert read.lookup(TEXTS, 5).numpy().tolist() == made.lookup(TEXTS, 5).numpy().tolist()


@given(st.lists(st.text(), min_size=1))
def test_every_counted_word_is_known(texts):
    if count_words(texts):
        vocabulary = Vocabulary.from_texts(texts)
        numbers = (
            vocabulary.lookup([" ".join(vocabulary.words)], vocabulary.size)[0].numpy().tolist()
        )
        assert numbers == [*range(RESERVED, vocabulary.size), 0, 0]


def test_the_file_travels_with_a_saved_model(tmp_path):
    path = tmp_path / "vocabulary.txt"
    Vocabulary.from_texts(TEXTS).write(path)
    vocabulary = Vocabulary.read(path, min_count=3)
    module = tf.Module()
    module.table = vocabulary.table
    module.lookup = tf.function(
        lambda text: vocabulary.lookup(text, 3), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, tmp_path / "model")
    path.unlink()
    assert [file.name for file in (tmp_path / "model" / "assets").iterdir()] == ["vocabulary.txt"]
    loaded = tf.saved_model.load(tmp_path / "model")
    assert loaded.lookup(tf.constant(["dog ball"])).numpy().tolist() == [[3, 1, 0]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "Cannot read"),
        ("dog", "a tab"),
        ("dog 3\n", "a tab"),
        ("cat\t1\ndog\t3\n", "most frequent"),
        ("", "min_"),
    ],
)
def test_a_bad_file_is_told(tmp_path, content, problem):
    path = tmp_path / "vocabulary.txt"
    if content is not None:
        path.write_text(content + ("\n" if content == "dog" else ""))
    with pytest.raises(UserError, match=problem):
        Vocabulary.read(path)


def test_no_word_at_all():
    with pytest.raises(UserError, match="no word"):
        Vocabulary.from_texts(["!!!", ""])


def test_a_word_twice():
    with pytest.raises(ValueError, match="once"):
        Vocabulary(["dog", "dog"])
