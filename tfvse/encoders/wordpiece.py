"""BERT's uncased WordPiece in stock TensorFlow ops, so that an exported model takes plain strings.

J. Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language
understanding", NAACL 2019. Their published tokenizer fixes the details. Characters are cleaned,
accents stripped, letters lowered; punctuation and Han characters stand alone. Then every word is
cut, from the left, into the longest pieces that the vocabulary holds.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from tfvse import reading
from tfvse.errors import UserError
from tfvse.typing import Array, PathLike

# The planes of Unicode that hold characters in use; what lies above is kept as it is.
CODE_POINTS = 0x30000
MAX_BYTES = 16 * 2**20  # of a vocabulary
LONGEST_WORD = 100  # characters; a longer word is unknown
_SPACE = ord(" ")
_REPLACEMENT = 0xFFFD  # stands for an invalid byte

# Code points of Han characters: first, one past the last.
_HAN = (
    (0x3400, 0x4DC0),
    (0x4E00, 0xA000),
    (0xF900, 0xFB00),
    (0x20000, 0x2A6E0),
    (0x2A700, 0x2CEB0),
    (0x2F800, 0x2FA20),
)

# Characters that one character becomes at most, such as a space, punctuation and a space.
_OUTPUTS = 3


def _replacement(code: int) -> tuple[int, ...]:
    """What the character `code` becomes: code points."""
    character = chr(code)
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return (_SPACE,)
    if code in (0, _REPLACEMENT) or category in ("Cc", "Cf", "Co", "Cs"):
        return ()

    is_han = any(low <= code < high for low, high in _HAN)
    # ASCII symbols such as $ and ^ count as punctuation.
    is_symbol = code < 128 and not character.isalnum()
    if is_han or is_symbol or category.startswith("P"):
        return (_SPACE, *_lowered(character), _SPACE)
    return _lowered(character)


def _lowered(character: str) -> tuple[int, ...]:
    """The code points of a character in lower case, without accents."""
    bare = _without_accents(unicodedata.normalize("NFD", character))
    lower = _without_accents(bare.lower())
    return tuple(ord(letter) for letter in lower)


def _without_accents(text: str) -> str:
    """`text` without its combining marks."""
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


@functools.lru_cache(maxsize=1)
def _replacements() -> Array:
    """What every character becomes: int32 [CODE_POINTS, 3], -1 where there are fewer."""
    table = np.full([CODE_POINTS, _OUTPUTS], -1, np.int32)
    for code in range(CODE_POINTS):
        replacement = _replacement(code)
        table[code, : len(replacement)] = replacement
    return table


class WordPiece:
    """Turns texts into numbers of pieces.

    Attributes:
      size: number of pieces in the vocabulary.
      longest: characters of the longest piece, at most `LONGEST_WORD`.
      table: `tf.lookup.StaticHashTable` from piece (string) to number, -1 for others. Its file
        travels with an exported model.
    """

    def __init__(self, vocabulary_file: PathLike) -> None:
        """Reads a vocabulary, one piece a line; pieces within a word begin with "##".

        Raises:
          UserError: the file cannot be read, names a piece twice, or lacks [CLS], [SEP], [UNK] or
            [PAD].
        """
        pieces = _read_pieces(vocabulary_file)
        try:
            self.start = pieces.index("[CLS]")
            self.end = pieces.index("[SEP]")
            self.unknown = pieces.index("[UNK]")
            self.pad = pieces.index("[PAD]")
        except ValueError as error:
            raise UserError(f"{vocabulary_file}: is no vocabulary of BERT's ({error})") from None

        self.size = len(pieces)
        longest = max(len(piece.removeprefix("##")) for piece in pieces)
        self.longest = min(longest, LONGEST_WORD)  # a longer word is unknown as a whole
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary_file),
            key_dtype=tf.string,
            key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
            value_dtype=tf.int64,
            value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.table = tf.lookup.StaticHashTable(initializer, default_value=-1)

    def __call__(
        self,
        strings: tf.Tensor,
        max_pieces: int,
    ) -> tf.Tensor:
        """Cuts texts into pieces.

        Args:
          strings: string [B], UTF-8.
          max_pieces: the most that is kept of a text.

        Returns:
          int32 [B, L], L ≤ max_pieces: [CLS], pieces, [SEP], then padding.
        """
        words = split_words(strings)
        pieces = self._pieces(words.flat_values)
        per_text = tf.RaggedTensor.from_nested_row_splits(
            pieces.flat_values, [words.row_splits, pieces.row_splits]
        )
        kept = per_text.merge_dims(1, 2)[:, : max_pieces - 2]

        first = tf.fill([kept.nrows(), 1], tf.cast(self.start, tf.int64))
        last = tf.fill([kept.nrows(), 1], tf.cast(self.end, tf.int64))
        numbers = tf.concat([first, kept, last], axis=1)
        return tf.cast(numbers.to_tensor(self.pad), tf.int32)

    def _pieces(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Numbers of the pieces of words: string [W] → ragged int64 [W, (pieces)]."""
        known = self.table.lookup(words)
        is_whole = known >= 0
        whole = tf.RaggedTensor.from_tensor(tf.boolean_mask(known, is_whole)[:, tf.newaxis])
        cut_rows = tf.where(~is_whole)[:, 0]
        cut = self._cut(tf.gather(words, cut_rows))

        # Back to the order of the words.
        rows = tf.concat([tf.where(is_whole)[:, 0], cut_rows], axis=0)
        return tf.gather(tf.concat([whole, cut], axis=0), tf.argsort(rows))

    def _cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Cuts words that the vocabulary does not hold whole, longest pieces first, from the left.

        All words advance together by one piece a turn. A word in which nothing fits is unknown as a
        whole.

        Args:
          words: string [W].

        Returns:
          Ragged int64 [W, (pieces)].
        """
        lengths = tf.strings.length(words, unit="UTF8_CHAR")

        # The state: where each word is by now, int32 [W]; whether it failed, bool [W]; the pieces
        # that were found, int64 [turns, W], -1 for none; the turn.
        start = (
            tf.zeros_like(lengths),
            lengths > LONGEST_WORD,
            tf.TensorArray(
                tf.int64,
                1,
                dynamic_size=True,
                element_shape=[None],
            ),
            0,
        )

        def unfinished(
            place: tf.Tensor,
            failed: tf.Tensor,
            found: tf.TensorArray,
            turn: tf.Tensor,
        ) -> tf.Tensor:
            """Whether a word has not come to its end. Words that have failed do not count."""
            return tf.reduce_any((place < lengths) & ~failed)

        def advance(
            place: tf.Tensor,
            failed: tf.Tensor,
            found: tf.TensorArray,
            turn: tf.Tensor,
        ) -> tuple:
            """One turn. A word that fails stays where it is."""
            size, number = self._longest_pieces(words, lengths, place)
            going = place < lengths
            fits = size > 0
            found = found.write(turn, tf.where(going & fits, number, -1))
            return place + size, failed | (going & ~fits), found, turn + 1

        _, failed, found, turns = tf.while_loop(unfinished, advance, start)
        return self._gathered(failed, found, turns)

    def _longest_pieces(
        self,
        words: tf.Tensor,
        lengths: tf.Tensor,
        place: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The longest piece of every word that begins at its place.

        Args:
          words: string [W].
          lengths: int32 [W], their characters.
          place: int32 [W].

        Returns:
          (characters int32 [W], 0 where no piece fits; number int64 [W]).
        """
        sizes = tf.range(1, self.longest + 1)
        starts, ends = tf.meshgrid(place, sizes, indexing="ij")
        parts = tf.strings.substr(words[:, tf.newaxis], starts, ends, unit="UTF8_CHAR")
        is_inside = (place > 0)[:, tf.newaxis]
        numbers = self.table.lookup(tf.where(is_inside, "##" + parts, parts))

        fits = (numbers >= 0) & (place[:, tf.newaxis] + sizes <= lengths[:, tf.newaxis])
        size = tf.reduce_max(tf.where(fits, sizes, 0), axis=1)
        number = tf.gather(numbers, tf.maximum(size - 1, 0), batch_dims=1)
        return size, number

    def _gathered(
        self,
        failed: tf.Tensor,
        found: tf.TensorArray,
        turns: tf.Tensor,
    ) -> tf.RaggedTensor:
        """The pieces of all turns, word by word: ragged int64 [W, (pieces)]."""
        columns = tf.cond(
            turns > 0,
            lambda: tf.transpose(found.stack()),
            lambda: tf.zeros([0, 1], tf.int64),
        )
        width = tf.shape(columns)[1]
        unknown = tf.one_hot(
            0,
            width,
            on_value=self.unknown,
            off_value=-1,
            dtype=tf.int64,
        )
        columns = tf.where(failed[:, tf.newaxis], unknown, columns)
        return tf.ragged.boolean_mask(columns, columns >= 0)


def _read_pieces(path: PathLike) -> list[str]:
    """The lines of a vocabulary; UserError where they are none of BERT's."""
    try:
        lines = reading.read_bytes(path, MAX_BYTES).decode("utf-8").split("\n")
    except reading.BadFile as error:
        raise UserError(f"{error}; give a vocabulary of BERT's") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is no vocabulary of BERT's (not a text in UTF-8)") from None

    pieces = lines if lines[-1] else lines[:-1]
    # TensorFlow passes over carriage returns when it reads the same file.
    if len({piece.replace("\r", "") for piece in pieces}) < len(pieces):
        raise UserError(f"{path}: is no vocabulary of BERT's (a piece is there twice)")
    return pieces


def split_words(strings: tf.Tensor) -> tf.RaggedTensor:
    """Cleans texts and splits them into words.

    Args:
      strings: string [B], UTF-8; an invalid byte is left out.

    Returns:
      Ragged string [B, (words)], in lower case and without accents.
    """
    codes = tf.strings.unicode_decode(strings, "UTF-8", errors="replace")
    flat = codes.flat_values
    # Made where it is used: it must be a constant of the graph that calls this.
    table = tf.constant(_replacements())

    is_known = flat < CODE_POINTS
    replaced = tf.gather(table, tf.where(is_known, flat, 0))
    missing = [[0, 0], [0, _OUTPUTS - 1]]
    unchanged = tf.pad(flat[:, tf.newaxis], missing, constant_values=-1)
    replaced = tf.where(is_known[:, tf.newaxis], replaced, unchanged)

    outputs = tf.ragged.boolean_mask(replaced, replaced >= 0)
    characters = tf.RaggedTensor.from_row_splits(outputs, codes.row_splits)
    texts = tf.strings.unicode_encode(characters.merge_dims(1, 2), "UTF-8")
    return tf.strings.split(texts)
