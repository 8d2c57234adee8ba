"""The words that an exported model knows: search tells which words of a query it does not.

They are a JSON file, `assets.extra/known_words.json`, which servers ignore:
{"tokenizer": a name in `text.TOKENIZERS`, "words": [...]}.
"""

import pathlib

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.files import write_json
from tfvse.preprocessing.text import TOKENIZERS, Vocabulary
from tfvse.reading import BadFile, read_json
from tfvse.typing import PathLike

_FILE = pathlib.PurePath("assets.extra", "known_words.json")


def write(
    folder: PathLike,
    vocabulary: Vocabulary,
) -> None:
    """Writes the words of `vocabulary` into a SavedModel's `folder`."""
    known = {"tokenizer": vocabulary.tokenizer, "words": vocabulary.words}
    write_json(pathlib.Path(folder) / _FILE, known)


def unknown(
    folder: PathLike,
    text: str,
) -> list[str]:
    """Lists the words of a query that a model does not know.

    Args:
      folder: of the SavedModel.
      text: the query.

    Returns:
      The words, each once; [] where the model has no list of words.

    Raises:
      UserError: the text holds no word at all, or the list is damaged.
    """
    path = pathlib.Path(folder) / _FILE
    if not path.is_file():
        return []
    try:
        known = read_json(path)
        tokenize = TOKENIZERS[known["tokenizer"]]
        words = set(known["words"])
    except (BadFile, KeyError, TypeError):
        raise UserError(f"{path}: damaged; export the model again") from None

    found = [word.decode() for word in tokenize(tf.constant([text])).flat_values.numpy()]
    if not found:
        raise UserError(f"--text={text}: holds no word; give one, such as dog")
    return [word for word in dict.fromkeys(found) if word not in words]
