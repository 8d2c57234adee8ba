"""Asks an exported model: `python tools/search.py --model=saved_models/emoji "a dog in the snow"` or `--image=x.jpg`.

Prints a table and writes a contact sheet.
"""

import dataclasses
import pathlib

from tfvse import errors
from tfvse.config import Settings, parse_flags, setting
from tfvse.errors import UserError


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Finds pictures for a text, or texts for a picture."""

    model: str = setting("", "folder of an exported model; its newest version is used")
    text: str = setting("", "what to look for; may be given bare")
    image: str = setting("", "JPEG or PNG file to find texts for")
    k: int = setting(10, "how many answers, best first", low=1)
    output: str = setting("search.png", "contact sheet to write")

    def check(self):
        if not self.model:
            raise UserError(
                "--model: missing; give an exported model's folder, such as --model=saved_models/emoji"
            )
        if bool(self.text.strip()) == bool(self.image):
            raise UserError('give either a text, such as "a dog in the snow", or --image=<file>')


def main(argv):
    flags = parse_flags(Flags, argv, positional="text")

    import numpy as np

    from tfvse.figures import contact_sheets
    from tfvse.serving import models

    folder, k = pathlib.Path(flags.model), np.array(flags.k, np.int32)
    model = models.Model(folder.resolve().name, folder)
    if flags.text:
        found = _run(
            model, "search", {"text": np.array([flags.text.encode()], object), "k": k}, flags.model
        )
        ids = [i.decode() for i in found["ids"][0]]
        _table(("picture",), zip(found["scores"][0], ids, strict=True))
        thumbnails = _thumbnails(model.path, ids)
        query = contact_sheets.TextQuery(flags.text, thumbnails, [False] * len(ids))
        path = contact_sheets.contact_sheet(flags.output, [query], [], title=model.name)
    else:
        picture = _read(flags.image)
        found = _run(
            model,
            "search_by_image",
            {"image": np.array([picture], object), "k": k},
            f"--image={flags.image}",
        )
        texts, ids = ([value.decode() for value in found[key][0]] for key in ("texts", "ids"))
        _table(("text", "picture"), zip(found["scores"][0], texts, ids, strict=True))
        query = contact_sheets.ImageQuery(_small(picture), texts, [False] * len(texts))
        path = contact_sheets.contact_sheet(flags.output, [], [query], title=model.name)
    print(f"written: {path}")


def _run(model, signature, inputs, what):
    from tfvse.serving.models import RequestError

    try:
        return model.run(signature, inputs)
    except RequestError as error:
        raise UserError(f"{what}: {error}") from None


def _read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"--image={path}: cannot be read ({error.strerror}); give a JPEG or PNG file"
        ) from None


def _thumbnails(folder, ids):
    """uint8 [H, W, 3] for each id; grey where the export holds no thumbnail."""
    import numpy as np
    import tensorflow as tf

    from tfvse.export import thumbnails

    grey = np.full((thumbnails.SIDE, thumbnails.SIDE, 3), 200, np.uint8)
    stored = thumbnails.read(folder, ids)
    return [
        grey if jpeg is None else tf.io.decode_jpeg(jpeg, channels=3).numpy() for jpeg in stored
    ]


def _small(picture):
    import tensorflow as tf

    from tfvse.export import thumbnails

    return tf.io.decode_jpeg(thumbnails.shrink(picture), channels=3).numpy()


def _table(names, rows):
    cells = [("rank", " score", *names)]
    cells += [(f"{rank:4}", f"{score:6.3f}", *rest) for rank, (score, *rest) in enumerate(rows, 1)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


if __name__ == "__main__":
    errors.run(main)
