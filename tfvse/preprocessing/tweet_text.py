"""Words from tweets, in stock TensorFlow ops: an exported model takes the tweet as it was written.

- A link is the word `weblink`, a mention the word `usermention`. A retweet's head (`RT @name:`) is dropped, so that it
  says what the first tweet says.
- A hashtag is cut into words at capitals and digits: `#ThrowbackThursday` gives "throwback", "thursday".
- An emoji, as every other symbol of the Unicode class So (hearts, stars), is a word of its own. Skin tones and signs
  that only join or vary emoji are dropped: a family is the people in it. A flag is one word.
- Han, Kana, Thai, Lao, Khmer and Burmese, which are written without spaces, are cut into characters with their marks.
  Other scripts are kept as they are, and all are lower-cased.
- A letter or symbol that comes more than twice in a row comes twice: "sooooo" is "soo". Digits are not touched.
- HTML entities (`&amp;`), punctuation and other symbols end a word, as everywhere else.
"""

import tensorflow as tf

MENTION, LINK = "usermention", "weblink"

_CLEANING = (
    (r"(?i)(https?://|\bwww\.|\bpic\.twitter\.com/)[!-~]+", f" {LINK} "),
    (r"(?i)&((amp|lt|gt|quot|apos|nbsp|#x?[0-9a-f]+);)+", " "),
    (r"(?i)\bRT\s*[@＠]\w+", " "),
    (r"\B[@＠]\w+", f" {MENTION} "),
    (
        r"[\x{200D}\x{20E3}\x{FE0E}\x{FE0F}\x{1F3FB}-\x{1F3FF}]",
        "",
    ),  # joiner, keycap, variations, skin tones
    (r"[#＃]", " #"),
    (
        r"[^\P{P}#]|[\p{Sc}\p{Sk}\p{Sm}\p{Z}\p{Cc}\x{FFFD}]",
        " ",
    ),  # the last stands for a byte that is no UTF-8
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


def tokenize_tweets(strings) -> tf.RaggedTensor:
    """Splits tweets into words by the rules above.

    Args:
      strings: string [B], UTF-8; an invalid byte counts as a symbol between words.

    Returns:
      A ragged string tensor [B, (words)].
    """
    text = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    pieces = tf.strings.split(_replace(text, _CLEANING))
    is_hashtag = tf.strings.regex_full_match(pieces.flat_values, "#.*")
    words = tf.where(is_hashtag, _replace(pieces.flat_values, _HASHTAG), pieces.flat_values)
    text = tf.strings.reduce_join(pieces.with_flat_values(words), axis=-1, separator=" ")
    text = _shorten_runs(tf.strings.lower(text, encoding="utf-8"))
    return tf.strings.split(tf.strings.regex_replace(text, _ON_ITS_OWN, r" \1 "))


def _replace(strings, rules):
    for pattern, replacement in rules:
        strings = tf.strings.regex_replace(strings, pattern, replacement)
    return strings


def _shorten_runs(strings):
    """Drops every character that equals the two before it, digits excepted; RE2 has no back references for this."""
    characters = tf.strings.unicode_split(strings, "UTF-8")
    flat, row = characters.flat_values, characters.value_rowids()
    again = (flat[2:] == flat[1:-1]) & (flat[1:-1] == flat[:-2]) & (row[2:] == row[:-2])
    again = tf.concat([tf.zeros([tf.minimum(2, tf.size(flat))], bool), again], axis=0)
    kept = ~again | tf.strings.regex_full_match(flat, r"\p{Nd}")
    return tf.strings.reduce_join(
        tf.ragged.boolean_mask(characters, characters.with_flat_values(kept)), axis=-1
    )
