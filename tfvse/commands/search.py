"""Searches an exported model: `tfvse search --model=saved_models/emoji "a dog"`.

Prints a table and writes a contact sheet.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.parsing import parse_flags

if TYPE_CHECKING:
    import numpy as np

    from tfvse.figures.contact_sheets import ImageQuery, TextQuery
    from tfvse.serving.models import Model

    Queries = tuple[list[TextQuery], list[ImageQuery]]


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Finds images for a text, or texts for an image."""

    model: str = setting("", "folder of an exported model; its newest version is used")
    text: str = setting("", "what to look for; may be given bare")
    image: str = setting("", "image file to find texts for")
    k: int = setting(10, "how many answers, best first", low=1, high=1000)
    output: str = setting("search.png", "contact sheet to write")
    trust: bool = setting(
        False, "load the model whatever its ops may do; a SavedModel is a program"
    )

    def check(self) -> None:
        """Asks for a model and for either a text or an image.

        Raises:
          UserError: one is missing, or both queries are given.
        """
        if not self.model:
            raise UserError(
                "--model: missing; give an exported model's folder, such as "
                "--model=saved_models/emoji"
            )
        if bool(self.text.strip()) == bool(self.image):
            raise UserError('give either a text, such as "a dog in the snow", or --image=<file>')
        if not _is_unicode(self.text):
            raise UserError("--text: is not UTF-8; type it again")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def main(argv: Sequence[str]) -> None:
    """Searches, prints the answers and draws them."""
    flags = parse_flags(Flags, list(argv), positional="text")

    from tfvse.figures import contact_sheets
    from tfvse.serving import models

    folder = pathlib.Path(flags.model)
    model = models.Model(folder.resolve().name, folder, trusted=flags.trust)
    queries = _by_text(model, flags) if flags.text else _by_image(model, flags)
    path = contact_sheets.contact_sheet(flags.output, *queries, title=model.name)
    print(f"written: {path}")


def _by_text(model: "Model", flags: Flags) -> "Queries":
    """Prints the images for a text; returns ([its query], []) as `contact_sheet` takes them."""
    import numpy as np

    from tfvse.export import known_words
    from tfvse.figures import contact_sheets

    unknown = known_words.unknown(model.path, flags.text)
    if unknown:
        words = ", ".join(unknown)
        print(errors.escaped(f"note: the model does not know these words: {words}"))

    text = np.array([flags.text.encode()], object)
    ids, scores = _run(model, "search", {"text": text}, flags, ("ids", "scores"))
    _table(("image",), zip(scores, ids, strict=True))
    thumbnails = _thumbnails(model.path, ids)
    return [contact_sheets.TextQuery(flags.text, thumbnails, [False] * len(ids))], []


def _by_image(model: "Model", flags: Flags) -> "Queries":
    """Prints the texts for an image; returns ([], [its query]) as `contact_sheet` takes them."""
    import numpy as np

    from tfvse.figures import contact_sheets

    image = _read(flags.image)
    inputs = {"image": np.array([image], object)}
    outputs = ("texts", "ids", "scores")
    texts, ids, scores = _run(model, "search_by_image", inputs, flags, outputs)
    _table(("text", "image"), zip(scores, texts, ids, strict=True))
    return [], [contact_sheets.ImageQuery(_small(image), texts, [False] * len(texts))]


def _run(
    model: "Model",
    signature: str,
    inputs: Mapping[str, Any],
    flags: Flags,
    outputs: Sequence[str],
) -> list[list[Any]]:
    """The named outputs of a signature for one query: a list each, texts as str."""
    import numpy as np

    from tfvse.serving.models import RequestError

    what = f"--image={flags.image}" if flags.image else flags.model
    try:
        found = model.run(signature, {**inputs, "k": np.array(flags.k, np.int32)})
    except RequestError as error:
        raise UserError(f"{what}: {error}") from None

    answers = [found.get(name, np.zeros(0)) for name in outputs]
    if any(answer.ndim != 2 or answer.shape != answers[0].shape for answer in answers):
        raise UserError(f"{flags.model}: answers no searches; give a model of tfvse export")
    return [_plain(answer[0]) for answer in answers]


def _plain(values: "np.ndarray") -> list[Any]:
    """The values of [k], bytes as text."""
    found = []
    for value in values:
        found.append(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    return found


def _read(path: str) -> bytes:
    from tfvse.data.formats import images

    try:
        return images.read(pathlib.Path(path))
    except images.BadImage as problem:
        raise UserError(f"--image={path}: {problem}; give an image file such as a JPEG") from None


def _thumbnails(folder: pathlib.Path, ids: list[str]) -> list["np.ndarray"]:
    """uint8 [H, W, 3] for each id; grey where the export holds no thumbnail."""
    import numpy as np

    from tfvse.export import thumbnails

    grey = np.full((thumbnails.SIDE, thumbnails.SIDE, 3), 200, np.uint8)
    return [grey if found is None else found for found in thumbnails.read(folder, ids)]


def _small(image: bytes) -> "np.ndarray":
    """The thumbnail of an image file: uint8 [H, W, 3]."""
    import tensorflow as tf

    from tfvse.export import thumbnails

    return tf.io.decode_jpeg(thumbnails.shrink(image), channels=3).numpy()


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints the answers, best first; `rows`: score, then one value for each of `names`."""
    cells = [("rank", " score", *names)]
    for rank, (score, *rest) in enumerate(rows, 1):
        cells.append((f"{rank:4}", f"{score:6.3f}", *map(errors.escaped, rest)))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
