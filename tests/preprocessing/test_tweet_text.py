"""How tweets become words."""

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfvse.preprocessing.text import Vocabulary, count_words
from tfvse.preprocessing.tweet_text import tokenize_tweets

PIECES = [
    "@you",
    "RT @a: ",
    "#GoTeamGo",
    "http://t.co/a",
    "&amp;",
    "😀",
    "👍🏽",
    "🇫🇷",
    "\u200d",
    "猫",
    "aaa",
    "É",
    "0",
]


def words(text):
    return [word.decode() for word in tokenize_tweets([text])[0].numpy()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Look @You_2, it's", ["look", "usermention", "it", "s"]),
        ("mail a@b.com", ["mail", "a", "b", "com"]),
        ("see https://t.co/aB3?x=1&amp;y now (www.cats.org)", ["see", "weblink", "now", "weblink"]),
        ("写真http://t.co/x写真", ["写", "真", "weblink", "写", "真"]),
        ("RT @NASA: The Moon", ["the", "moon"]),
        ("please RT!", ["please", "rt"]),
        (
            "#ThrowbackThursday #NYCMarathon2016 #tbt",
            ["throwback", "thursday", "nyc", "marathon", "2016", "tbt"],
        ),
        ("iPhone at 5pm #", ["iphone", "at", "5pm"]),
        ("fish &amp; chips &#39;n&amp;lt;3", ["fish", "chips", "n", "3"]),
        ("sooooo goood WOOOW 1000000", ["soo", "good", "woow", "1000000"]),
        ("сооооо ٢٠٠٠", ["соо", "٢٠٠٠"]),
        ("love❤️it 😀😀😀😀", ["love", "❤", "it", "😀", "😀"]),
        ("👍🏽 👩\u200d🚀 🇫🇷🇩🇪", ["👍", "👩", "🚀", "🇫🇷", "🇩🇪"]),
        ("猫が好き cats", ["猫", "が", "好", "き", "cats"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("고양이 좋아 ÉTÉ", ["고양이", "좋아", "été"]),
        ("$5 + 3 = fun…", ["5", "3", "fun"]),
        (b"do\xffg", ["do", "g"]),
        ("", []),
    ],
)
def test_words_of_a_tweet(text, expected):
    assert words(text) == expected


@settings(max_examples=40)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4)).map("".join))
@example("#Aaa#aAa")
def test_any_text_gives_words_that_stay_as_they_are(text):
    found = words(text)
    assert all(word and not any(c in " \t\n@#&:/." for c in word) for word in found)
    assert words(" ".join(found)) == found


@settings(max_examples=25)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_a_tweet_does_not_depend_on_its_neighbours(texts):
    together = [[word.decode() for word in row] for row in tokenize_tweets(texts).to_list()]
    assert together == [words(text) for text in texts]


def test_no_tweets():
    assert tokenize_tweets(tf.zeros([0], tf.string)).shape[0] == 0


def test_a_vocabulary_counts_and_looks_up_by_the_same_rule(tmp_path):
    texts = ["RT @a: #BigDog 😀😀", "big @b"]
    assert count_words(texts, "tweets") == {"big": 2, "😀": 2, "dog": 1, "usermention": 1}
    Vocabulary.from_texts(texts, tokenizer="tweets").write(tmp_path / "vocabulary.txt")
    vocabulary = Vocabulary.read(tmp_path / "vocabulary.txt", tokenizer="tweets").extended(["cat"])
    assert vocabulary.lookup(["#DogCat @someone 😀 bird"], 6).numpy().tolist() == [
        [4, 6, 5, 3, 1, 0]
    ]


def test_an_exported_model_reads_raw_tweets(tmp_path):
    vocabulary = Vocabulary.from_texts(["big dog 😀"], tokenizer="tweets")
    module = tf.Module()
    module.table = vocabulary.table
    module.lookup = tf.function(
        lambda text: vocabulary.lookup(text, 3), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, tmp_path)
    tweets = tf.constant(["#DogBIG😀", ""])
    loaded = tf.saved_model.load(tmp_path).lookup(tweets)
    assert (
        loaded.numpy().tolist()
        == vocabulary.lookup(tweets, 3).numpy().tolist()
        == [[3, 2, 4], [0, 0, 0]]
    )
