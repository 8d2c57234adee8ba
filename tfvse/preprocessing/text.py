"""Words from texts, and numbers from words, in stock TensorFlow ops: an exported model takes plain UTF-8 strings.

Row 0 of every vocabulary is padding, row 1 the unknown word; the training split's words follow, frequent ones first.
What a word is depends on the data set: its manifest names one of `TOKENIZERS`.
"""

import collections
import tempfile
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.preprocessing.tweet_text import tokenize_tweets
from tfvse.reading import BadFile, read_lines

PAD, UNKNOWN = 0, 1
RESERVED = 2  # rows before the first word

# Punctuation, symbols, Unicode spaces and control characters: all end a word. "dog's" gives "dog" and "s".
_BETWEEN_WORDS = r"[\p{P}\p{S}\p{Z}\p{Cc}]+"
_COUNT_BATCH = 4096


def tokenize(strings) -> tf.RaggedTensor:
    """Lower-cases, removes punctuation and splits at spaces.

    Args:
      strings: string [B], UTF-8; an invalid byte counts as a symbol between words.

    Returns:
      A ragged string tensor [B, (words)].
    """
    strings = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    lowered = tf.strings.lower(strings, encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(lowered, _BETWEEN_WORDS, " "))


TOKENIZERS = {"words": tokenize, "tweets": tokenize_tweets}


def count_words(texts: Iterable[str], tokenizer: str = "words") -> dict[str, int]:
    """How often each word of `texts` occurs, the most frequent first, equally frequent ones in alphabetical order."""
    counts, texts = collections.Counter(), list(texts)
    for start in range(0, len(texts), _COUNT_BATCH):
        words = TOKENIZERS[tokenizer](tf.constant(texts[start : start + _COUNT_BATCH]))
        counts.update(words.flat_values.numpy().tolist())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {word.decode(): count for word, count in ordered}


class Vocabulary:
    """The words a text network knows, with one integer each.

    `table` must hang on whatever is exported; when the vocabulary was read from a file, that file travels with a
    SavedModel as an asset.

    Attributes:
      words: the known words; `words[i]` has the number `i + 2`.
      counts: how often each occurs in the training split.
      size: rows of an embedding: the words, padding and the unknown word.
      tokenizer: name in `TOKENIZERS` of how `lookup` finds the words of a text.
      table: `tf.lookup.StaticHashTable` from word (string) to number (int64).
    """

    def __init__(
        self, words: Iterable[str], counts: Iterable[int] | None = None, *, file: Path | None = None,
        tokenizer: str = "words",
    ):  # fmt: skip
        """`file`, where given, must list exactly these words first, as `write` does.

        Raises:
          UserError: there is no word at all, or no such tokenizer.
          ValueError: a word is listed twice.
        """
        self.words = list(words)
        self.counts = [1] * len(self.words) if counts is None else list(counts)
        self.size, self.tokenizer = len(self.words) + RESERVED, tokenizer
        if tokenizer not in TOKENIZERS:
            raise UserError(f"tokenizer {tokenizer}: must be one of {', '.join(TOKENIZERS)}")
        if not self.words:
            raise UserError("The texts of the training split hold no word to make a vocabulary of.")
        if len(set(self.words)) != len(self.words):
            raise ValueError("a vocabulary lists each word once")
        self.table = tf.lookup.StaticHashTable(self._initializer(file), default_value=UNKNOWN)

    def _initializer(self, file):
        if file is None:
            keys = tf.constant(self.words, tf.string, shape=[len(self.words)])
            return tf.lookup.KeyValueTensorInitializer(
                keys, tf.range(RESERVED, self.size, dtype=tf.int64)
            )
        return tf.lookup.TextFileInitializer(
            str(file), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
            vocab_size=len(self.words), delimiter="\t", value_index_offset=RESERVED,
        )  # fmt: skip

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], min_count: int = 1, tokenizer: str = "words"
    ) -> "Vocabulary":
        """The words that occur at least `min_count` times in `texts` (those of the training split, no others)."""
        counts = {
            word: count
            for word, count in count_words(texts, tokenizer).items()
            if count >= min_count
        }
        return cls(counts, counts.values(), tokenizer=tokenizer)

    @classmethod
    def read(cls, path: Path, min_count: int = 1, tokenizer: str = "words") -> "Vocabulary":
        """Reads a file of "word<TAB>count" lines in descending count, keeping words with at least `min_count`.

        Raises:
          UserError: the file is missing, malformed or holds no word that frequent.
        """
        try:
            lines = [line.split("\t") for line in read_lines(path)]
            pairs = [(word, int(count)) for word, count in lines]
        except BadFile as error:
            raise UserError(
                f"Cannot read the vocabulary {path}: {error.reason}; prepare the data again."
            ) from None
        except ValueError:
            raise UserError(
                f"The vocabulary {path} must hold a word, a tab and a count in every line."
            ) from None
        if len(dict(pairs)) < len(pairs):
            raise UserError(f"The vocabulary {path} must hold every word once.")
        if [count for _, count in pairs] != sorted((count for _, count in pairs), reverse=True):
            raise UserError(f"The vocabulary {path} must list the most frequent word first.")
        kept = [(word, count) for word, count in pairs if count >= min_count]
        if not kept:
            raise UserError(f"No word of {path} occurs {min_count} times: lower min_word_count.")
        return cls(
            [word for word, _ in kept],
            [count for _, count in kept],
            file=Path(path),
            tokenizer=tokenizer,
        )

    def extended(self, words: Iterable[str]) -> "Vocabulary":
        """This vocabulary with further `words` behind its own, which never occurred in training (count 0)."""
        own = set(self.words)
        more = [word for word in words if word not in own]
        words, counts = self.words + more, self.counts + [0] * len(more)
        # A file, since an export takes it along as an asset; it lives as long as the vocabulary.
        file = tempfile.NamedTemporaryFile(
            prefix="vocabulary", suffix=".txt", mode="w", encoding="utf-8"
        )
        file.writelines(f"{word}\t{count}\n" for word, count in zip(words, counts, strict=True))
        file.flush()
        longer = Vocabulary(words, counts, file=Path(file.name), tokenizer=self.tokenizer)
        longer._temporary_file = file
        return longer

    def write(self, path: Path) -> None:
        """Writes one "word<TAB>count" line per word, atomically."""
        lines = [f"{word}\t{count}\n" for word, count in zip(self.words, self.counts, strict=True)]
        with atomic_write(path) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")

    def lookup(self, strings, max_words: int) -> tf.Tensor:
        """The numbers of the first `max_words` words of each text, padded with 0.

        Args:
          strings: string [B].
          max_words: length of the result's rows.

        Returns:
          int32 [B, max_words].
        """
        numbers = tf.ragged.map_flat_values(self.table.lookup, TOKENIZERS[self.tokenizer](strings))
        tokens = numbers.to_tensor(default_value=PAD, shape=[None, max_words])
        return tf.cast(tokens, tf.int32)
