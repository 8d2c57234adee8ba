"""What the data sets of labelled images with a text file for each image share."""

import pathlib
from collections.abc import Sequence

from tfvse import reading
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.kinds.classification import LabelledImage
from tfvse.data.sets.splits import hold_out_by_class
from tfvse.data.verification import Findings


def read(
    entry: LabelledImage,
    texts: pathlib.Path,
    findings: Findings,
) -> list[Captioned]:
    """One image with its texts and its class.

    Args:
      entry: the image.
      texts: a file with one text a line; a byte that is no UTF-8 is replaced.
      findings: gets an entry where that file is missing or empty.

    Returns:
      A list of one, or an empty one.
    """
    lines = reading.read_lines(texts, errors="replace") if texts.is_file() else []
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        findings.add(
            "image without caption", f"{texts}: must hold the captions of {entry.id}, one a line"
        )
        return []
    return [Captioned(entry.id, entry.image, found, (entry.label,))]


def hold_out(
    entries: Sequence[Captioned],
    count: int,
    seed: int,
) -> tuple[list[Captioned], list[Captioned]]:
    """Draws `count` images for another split, the same share of every class.

    Args:
      entries: images with one label each.
      count: images to draw.
      seed: of the drawing.

    Returns:
      (the others, the drawn), in the order of `entries`.

    Raises:
      UserError: nothing would be left.
    """
    labels = [entry.labels for entry in entries]
    kept, held = hold_out_by_class(labels, count, seed)
    return [entries[row] for row in kept], [entries[row] for row in held]
