"""Words from tweets, in stock TensorFlow ops: an exported model takes the tweet as it was written.

- A link is the word `weblink`, a mention the word `usermention`. The head of a retweet
  (`RT @name:`) is dropped, so that a retweet has the words of the first tweet.
- A hashtag is cut into words at capitals and digits: `#ThrowbackThursday` gives "throwback",
  "thursday".
- An emoji is a word of its own, as is every other symbol of the Unicode class So (hearts, stars).
  Skin tones and characters that only join or vary emoji are dropped: a family becomes the people
  in it. A flag is one word.
- Han, Kana, Thai, Lao, Khmer and Burmese, which are written without spaces, are cut into
  characters with their marks. Other scripts are kept whole. All letters are lower-cased.
- A letter or symbol that comes more than twice in a row is kept twice: "sooooo" becomes "soo".
  Digits are not shortened.
- HTML entities (`&amp;`), punctuation and other symbols end a word.
"""

from collections.abc import Iterable

import tensorflow as tf

from tfvse.typing import Tensor

MENTION = "usermention"
LINK = "weblink"

# Pairs of a regular expression (RE2) and its replacement, applied in this order.
_CLEANING = (
    (r"(?i)(https?://|\bwww\.|\bpic\.twitter\.com/)[!-~]+", f" {LINK} "),
    (r"(?i)&((amp|lt|gt|quot|apos|nbsp|#x?[0-9a-f]+);)+", " "),
    (r"(?i)\bRT\s*[@＠]\w+", " "),
    (r"\B[@＠]\w+", f" {MENTION} "),
    # The joiner, the keycap, variation selectors and skin tones.
    (r"[\x{200D}\x{20E3}\x{FE0E}\x{FE0F}\x{1F3FB}-\x{1F3FF}]", ""),
    (r"[#＃]", " #"),
    # The last character of the class stands for a byte that is not UTF-8.
    (r"[^\P{P}#]|[\p{Sc}\p{Sk}\p{Sm}\p{Z}\p{Cc}\x{FFFD}]", " "),
)
_HASHTAG = (
    (r"(\p{Ll})(\p{Lu})", r"\1 \2"),
    (r"(\p{Lu})(\p{Lu}\p{Ll})", r"\1 \2"),  # NYCMarathon
    (r"(\p{L})(\p{Nd})", r"\1 \2"),
    (r"(\p{Nd})(\p{L})", r"\1 \2"),
    (r"#", ""),
)
_FLAG = r"[\x{1F1E6}-\x{1F1FF}]{2}"
_WITHOUT_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"
_ON_ITS_OWN = rf"({_FLAG}|{_WITHOUT_SPACES}|\p{{So}})"


def tokenize_tweets(strings: Tensor) -> tf.RaggedTensor:
    """Splits tweets into words by the rules of this module.

    Args:
      strings: string [B], UTF-8. An invalid byte counts as a symbol between words.

    Returns:
      Ragged string tensor [B, (words)].
    """
    text = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    text = _replace(text, _CLEANING)

    pieces = tf.strings.split(text)
    words = _split_hashtags(pieces.flat_values)
    pieces = pieces.with_flat_values(words)
    text = tf.strings.reduce_join(pieces, axis=-1, separator=" ")

    text = tf.strings.lower(text, encoding="utf-8")
    text = _shorten_runs(text)
    text = tf.strings.regex_replace(text, _ON_ITS_OWN, r" \1 ")
    return tf.strings.split(text)


def _split_hashtags(pieces: tf.Tensor) -> tf.Tensor:
    """Puts spaces between the words of each hashtag, string [N] → string [N]."""
    is_hashtag = tf.strings.regex_full_match(pieces, "#.*")
    return tf.where(is_hashtag, _replace(pieces, _HASHTAG), pieces)


def _replace(
    strings: tf.Tensor,
    rules: Iterable[tuple[str, str]],
) -> tf.Tensor:
    """Applies rules (pattern, replacement) to strings of any shape, one after the other."""
    for pattern, replacement in rules:
        strings = tf.strings.regex_replace(strings, pattern, replacement)
    return strings


def _shorten_runs(strings: tf.Tensor) -> tf.Tensor:
    """Drops every character, digits excepted, that equals the two before it.

    RE2 has no back references, so this is not a regular expression.
    """
    characters = tf.strings.unicode_split(strings, "UTF-8")
    flat = characters.flat_values
    row = characters.value_rowids()

    equals_last = flat[2:] == flat[1:-1]
    last_equals_earlier = flat[1:-1] == flat[:-2]
    same_text = row[2:] == row[:-2]
    again = equals_last & last_equals_earlier & same_text

    # The first two characters have no two before them.
    first = tf.zeros([tf.minimum(2, tf.size(flat))], bool)
    again = tf.concat([first, again], axis=0)

    kept = ~again | tf.strings.regex_full_match(flat, r"\p{Nd}")
    kept = characters.with_flat_values(kept)
    shortened = tf.ragged.boolean_mask(characters, kept)
    return tf.strings.reduce_join(shortened, axis=-1)
