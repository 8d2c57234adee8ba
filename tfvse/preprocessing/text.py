"""Words from texts and numbers from words, in stock TensorFlow ops.

So an exported model takes plain UTF-8 strings. Row 0 of every vocabulary is padding and row 1 the
unknown word. The words of the training split follow, frequent ones first. What a word is depends
on the data set: its manifest names one of `TOKENIZERS`.
"""

import collections
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.preprocessing.tweet_text import tokenize_tweets
from tfvse.reading import BadFile, read_lines
from tfvse.typing import Tensor

PAD = 0
UNKNOWN = 1
RESERVED = 2  # rows before the first word

# Punctuation, symbols, Unicode spaces and control characters all end a word: "dog's" gives "dog"
# and "s".
_BETWEEN_WORDS = r"[\p{P}\p{S}\p{Z}\p{Cc}]+"
_COUNT_BATCH = 4096


def tokenize(strings: Tensor) -> tf.RaggedTensor:
    """Lower-cases texts, removes punctuation and splits at spaces.

    Args:
      strings: string [B], UTF-8. An invalid byte counts as a symbol between words.

    Returns:
      Ragged string tensor [B, (words)].
    """
    strings = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    strings = tf.strings.lower(strings, encoding="utf-8")
    strings = tf.strings.regex_replace(strings, _BETWEEN_WORDS, " ")
    return tf.strings.split(strings)


# Tokenizers by the name that manifests give them.
TOKENIZERS: dict[str, Callable[[Tensor], tf.RaggedTensor]] = {
    "words": tokenize,
    "tweets": tokenize_tweets,
}


def count_words(
    texts: Iterable[str],
    tokenizer: str = "words",
) -> dict[str, int]:
    """Counts how often each word occurs.

    Args:
      texts: any number of them.
      tokenizer: name in `TOKENIZERS`.

    Returns:
      Word → count, the most frequent word first, equally frequent ones in alphabetical order.
    """
    texts = list(texts)
    counts: collections.Counter[bytes] = collections.Counter()
    for start in range(0, len(texts), _COUNT_BATCH):
        batch = tf.constant(texts[start : start + _COUNT_BATCH])
        words = TOKENIZERS[tokenizer](batch)
        counts.update(words.flat_values.numpy().tolist())

    def by_frequency(item: tuple[bytes, int]) -> tuple[int, bytes]:
        """The key by which words are sorted."""
        word, count = item
        return -count, word

    ordered = sorted(counts.items(), key=by_frequency)
    return {word.decode(): count for word, count in ordered}


class Vocabulary:
    """The words that a text network knows, each with an integer.

    `table` must be an attribute of whatever is exported. If the vocabulary was read from a file,
    the file becomes an asset of the SavedModel.

    Attributes:
      words: the known words; `words[i]` has the number `i + 2`.
      counts: how often each occurs in the training split.
      size: rows of an embedding: the words, padding and the unknown word.
      tokenizer: name in `TOKENIZERS`; `lookup` finds the words of a text with it.
      table: `tf.lookup.StaticHashTable` from word (string) to number (int64).
    """

    def __init__(
        self,
        words: Iterable[str],
        counts: Iterable[int] | None = None,
        *,
        file: Path | None = None,
        tokenizer: str = "words",
    ) -> None:
        """Makes the table of the words.

        Args:
          words: in the order of their numbers.
          counts: of each word in the training split; None: 1 each.
          file: where given, it must list exactly these words first, as `write` does.
          tokenizer: name in `TOKENIZERS`.

        Raises:
          UserError: there is no word at all, or no such tokenizer.
          ValueError: a word is listed twice.
        """
        self.words = list(words)
        if counts is None:
            counts = [1] * len(self.words)
        self.counts = list(counts)
        self.size = len(self.words) + RESERVED
        self.tokenizer = tokenizer
        if tokenizer not in TOKENIZERS:
            raise UserError(f"tokenizer {tokenizer}: must be one of {', '.join(TOKENIZERS)}")
        if not self.words:
            raise UserError("The texts of the training split hold no word to make a vocabulary of.")
        if len(set(self.words)) != len(self.words):
            raise ValueError("a vocabulary lists each word once")

        initializer = self._initializer(file)
        self.table = tf.lookup.StaticHashTable(initializer, default_value=UNKNOWN)

        # The file of an extended vocabulary, which is deleted with the vocabulary.
        self._temporary_file: Any = None

    def _initializer(self, file: Path | None) -> Any:
        """The table's content, from a file or from the words themselves."""
        if file is None:
            count = len(self.words)
            keys = tf.constant(self.words, tf.string, shape=[count])
            numbers = tf.range(RESERVED, self.size, dtype=tf.int64)
            return tf.lookup.KeyValueTensorInitializer(keys, numbers)
        return tf.lookup.TextFileInitializer(
            str(file),
            tf.string,
            0,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
            vocab_size=len(self.words),
            delimiter="\t",
            value_index_offset=RESERVED,
        )

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        min_count: int = 1,
        tokenizer: str = "words",
    ) -> "Vocabulary":
        """Makes a vocabulary of the words of texts.

        Args:
          texts: those of the training split and no others.
          min_count: how often a word must occur in them.
          tokenizer: name in `TOKENIZERS`.

        Returns:
          A vocabulary without a file.

        Raises:
          UserError: no word is that frequent.
        """
        counts = count_words(texts, tokenizer)
        kept = {word: count for word, count in counts.items() if count >= min_count}
        return cls(kept, kept.values(), tokenizer=tokenizer)

    @classmethod
    def read(
        cls,
        path: Path,
        min_count: int = 1,
        tokenizer: str = "words",
    ) -> "Vocabulary":
        """Reads a file of "word<TAB>count" lines in descending count.

        Args:
          path: of the file.
          min_count: words with a lower count are left out.
          tokenizer: name in `TOKENIZERS`.

        Returns:
          A vocabulary that takes the file along when it is exported.

        Raises:
          UserError: the file is missing or malformed, or holds no word that frequent.
        """
        pairs = _read_pairs(path)
        counts = [count for _, count in pairs]
        if counts != sorted(counts, reverse=True):
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
        """Makes a vocabulary of these words and further ones, which have the count 0.

        Args:
          words: further words; those already known are left out.

        Returns:
          A vocabulary whose file lives as long as it does.
        """
        own = set(self.words)
        more = [word for word in words if word not in own]
        all_words = self.words + more
        counts = self.counts + [0] * len(more)

        # A file, since an export takes it along as an asset.
        file = tempfile.NamedTemporaryFile(
            mode="w",
            encoding="utf-8",
            prefix="vocabulary",
            suffix=".txt",
        )
        file.write(_lines(all_words, counts))
        file.flush()

        longer = Vocabulary(
            all_words,
            counts,
            file=Path(file.name),
            tokenizer=self.tokenizer,
        )
        longer._temporary_file = file
        return longer

    def write(self, path: Path) -> None:
        """Writes one "word<TAB>count" line per word, atomically."""
        lines = _lines(self.words, self.counts)
        with atomic_write(path) as temporary:
            temporary.write_text(lines, encoding="utf-8")

    def lookup(
        self,
        strings: Tensor,
        max_words: int,
    ) -> tf.Tensor:
        """Finds the numbers of the first words of each text.

        Args:
          strings: string [B].
          max_words: length of the result's rows.

        Returns:
          int32 [B, max_words], padded with 0.
        """
        words = TOKENIZERS[self.tokenizer](strings)
        numbers = tf.ragged.map_flat_values(self.table.lookup, words)
        tokens = numbers.to_tensor(default_value=PAD, shape=[None, max_words])
        return tf.cast(tokens, tf.int32)


def _lines(
    words: Iterable[str],
    counts: Iterable[int],
) -> str:
    """The text of a vocabulary's file."""
    pairs = zip(words, counts, strict=True)
    return "".join(f"{word}\t{count}\n" for word, count in pairs)


def _read_pairs(path: Path) -> list[tuple[str, int]]:
    """The words of a vocabulary file with their counts, in its order."""
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
    return pairs
