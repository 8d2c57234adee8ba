"""BERT's uncased WordPiece in stock TensorFlow operations, so that an exported model takes plain strings.

Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language understanding", NAACL 2019; its
published tokenizer fixes the details: characters are cleaned, accents stripped, letters lowered, punctuation and Han
characters stand alone; then every word is cut, from the left, into the longest pieces that the vocabulary holds.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from tfvse import reading
from tfvse.errors import UserError

CODE_POINTS = 0x30000  # the planes that hold characters in use; what lies above is kept as it is
MAX_BYTES = 16 * 2**20
LONGEST_WORD = 100  # characters; a longer word is unknown
_SPACE = ord(" ")
_HAN = (
    (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x2A6E0), (0x2A700, 0x2CEB0), (0x2F800, 0x2FA20)
)  # fmt: skip
_OUTPUTS = (
    3  # characters that one character becomes at most, such as a space, punctuation and a space
)


def _replacement(code):
    """What a character becomes, a tuple of code points."""
    character = chr(code)
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
        return (_SPACE,)
    if code in (0, 0xFFFD) or category in ("Cc", "Cf", "Co", "Cs"):
        return ()
    if any(low <= code < high for low, high in _HAN):
        return (_SPACE, *_lowered(character), _SPACE)
    symbol = (
        code < 128 and not character.isalnum()
    )  # ASCII symbols such as $ and ^ count as punctuation
    if symbol or category.startswith("P"):
        return (_SPACE, *_lowered(character), _SPACE)
    return _lowered(character)


def _lowered(character):
    parts = unicodedata.normalize("NFD", character)
    bare = "".join(c for c in parts if unicodedata.category(c) != "Mn")
    return tuple(ord(c) for c in bare.lower() if unicodedata.category(c) != "Mn")


@functools.lru_cache(maxsize=1)
def _replacements():
    """int32 [CODE_POINTS, 3] of code points, -1 where there are fewer."""
    table = np.full([CODE_POINTS, _OUTPUTS], -1, np.int32)
    for code in range(CODE_POINTS):
        replacement = _replacement(code)
        table[code, : len(replacement)] = replacement
    return table


class WordPiece:
    """Numbers of the pieces of a text.

    Attributes:
      size: number of pieces in the vocabulary.
      table: `tf.lookup.StaticHashTable` from piece (string) to number; its file travels with an exported model.
    """

    def __init__(self, vocabulary_file):
        """Reads a vocabulary, one piece a line, pieces within a word beginning with "##".

        Raises:
          UserError: the file cannot be read, names a piece twice, or lacks [CLS], [SEP], [UNK] or
            [PAD].
        """
        pieces = _read_pieces(vocabulary_file)
        try:
            self.start, self.end, self.unknown, self.pad = map(
                pieces.index, ("[CLS]", "[SEP]", "[UNK]", "[PAD]")
            )
        except ValueError as error:
            raise UserError(f"{vocabulary_file}: is no vocabulary of BERT's ({error})") from None
        self.size = len(pieces)
        longest = max(len(piece.removeprefix("##")) for piece in pieces)
        self.longest = min(longest, LONGEST_WORD)  # a longer word is unknown as a whole
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary_file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
        )  # fmt: skip
        self.table = tf.lookup.StaticHashTable(initializer, default_value=-1)

    def __call__(self, strings, max_pieces: int) -> tf.Tensor:
        """string [B], UTF-8 → int32 [B, L], L ≤ max_pieces: [CLS], pieces, [SEP], then padding."""
        words = split_words(strings)
        pieces = self._pieces(words.flat_values)
        per_text = tf.RaggedTensor.from_nested_row_splits(
            pieces.flat_values, [words.row_splits, pieces.row_splits]
        )
        kept = per_text.merge_dims(1, 2)[:, : max_pieces - 2]

        def around(number):
            return tf.fill([kept.nrows(), 1], tf.cast(number, tf.int64))

        numbers = tf.concat([around(self.start), kept, around(self.end)], axis=1)
        return tf.cast(numbers.to_tensor(self.pad), tf.int32)

    def _pieces(self, words):
        """string [W] → ragged int64 [W, (pieces)]."""
        known = self.table.lookup(words)
        cut = tf.where(known < 0)[:, 0]
        pieces = self._cut(tf.gather(words, cut))
        order = tf.argsort(tf.concat([tf.where(known >= 0)[:, 0], cut], axis=0))
        whole = tf.RaggedTensor.from_tensor(tf.boolean_mask(known, known >= 0)[:, tf.newaxis])
        return tf.gather(tf.concat([whole, pieces], axis=0), order)

    def _cut(self, words):
        """Longest pieces first, from the left: string [W], none of them whole in the vocabulary → ragged [W, (pieces)].

        All words advance together by one piece a turn; a word in which nothing fits is unknown as a whole.
        """
        lengths = tf.strings.length(words, unit="UTF8_CHAR")
        sizes = tf.range(1, self.longest + 1)

        def advance(place, failed, found, turn):
            """One turn: where every word is by now (int32 [W]), whether it failed (bool [W]), its pieces, the turn."""
            starts, ends = tf.meshgrid(place, sizes, indexing="ij")
            parts = tf.strings.substr(words[:, tf.newaxis], starts, ends, unit="UTF8_CHAR")
            numbers = self.table.lookup(tf.where((place > 0)[:, tf.newaxis], "##" + parts, parts))
            fits = (numbers >= 0) & (place[:, tf.newaxis] + sizes <= lengths[:, tf.newaxis])
            size = tf.reduce_max(tf.where(fits, sizes, 0), axis=1)
            number = tf.gather(numbers, tf.maximum(size - 1, 0), batch_dims=1)
            going = place < lengths
            found = found.write(turn, tf.where(going & (size > 0), number, -1))
            return place + size, failed | (going & (size == 0)), found, turn + 1

        start = (
            tf.zeros_like(lengths), lengths > LONGEST_WORD,
            tf.TensorArray(tf.int64, 1, dynamic_size=True, element_shape=[None]), 0,
        )  # fmt: skip

        def unfinished(place, failed, found, turn):
            return tf.reduce_any((place < lengths) & ~failed)

        # A word that has failed stays where it is: it neither ends the loop nor keeps it going.
        _, failed, found, turns = tf.while_loop(unfinished, advance, start)
        columns = tf.cond(
            turns > 0, lambda: tf.transpose(found.stack()), lambda: tf.zeros([0, 1], tf.int64)
        )
        columns = tf.where(failed[:, tf.newaxis], tf.one_hot(0, tf.shape(columns)[1], self.unknown, -1, dtype=tf.int64),
                           columns)  # fmt: skip
        return tf.ragged.boolean_mask(columns, columns >= 0)


def _read_pieces(path):
    """The lines of a vocabulary."""
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


def split_words(strings) -> tf.RaggedTensor:
    """string [B], UTF-8 (an invalid byte is left out) → ragged string [B, (words)]: cleaned, lower-case, unaccented."""
    codes = tf.strings.unicode_decode(strings, "UTF-8", errors="replace")
    # Built where it is used: a constant of the graph that calls this.
    table = tf.constant(_replacements())
    inside = codes.flat_values < CODE_POINTS
    replaced = tf.gather(table, tf.where(inside, codes.flat_values, 0))
    as_it_is = tf.pad(
        codes.flat_values[:, tf.newaxis], [[0, 0], [0, _OUTPUTS - 1]], constant_values=-1
    )
    replaced = tf.where(inside[:, tf.newaxis], replaced, as_it_is)
    characters = tf.RaggedTensor.from_row_splits(
        tf.ragged.boolean_mask(replaced, replaced >= 0), codes.row_splits
    )
    return tf.strings.split(tf.strings.unicode_encode(characters.merge_dims(1, 2), "UTF-8"))
