"""Pascal Sentence: 1,000 images of 20 classes with five sentences each (Rashtchian et al. 2010).

There is no official split. As in table 7.1 of Liu's thesis, of every class 40 images are for
training, 5 for val and 5 for test; the seed decides which ones.
"""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.kinds.classification import LabelledImage
from tfvse.data.sets import labelled
from tfvse.data.sets.options import FileOptions, SeedOptions
from tfvse.errors import UserError

LAYOUT = """
Pascal Sentence is expected as https://github.com/rupy/PascalSentenceDataset downloads it from
http://vision.cs.uiuc.edu/pascal-sentences/:
  <data_dir>/dataset/<class>/2008_000716.jpg       20 classes of 50 images
  <data_dir>/sentence/<class>/2008_000716.txt      the image's five sentences, one a line;
      2008_000716txt is read as well
"""
HELD_OUT = 0.1  # of the images for val, and as much for test


@dataclasses.dataclass(frozen=True)
class Options(SeedOptions, FileOptions):
    """Options of pascal_sentence; the seed draws the splits."""


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes splits that are drawn by class."""
    root = verification.require(options.data_dir, ("dataset", "sentence"), LAYOUT)
    findings = verification.Findings(options.skip_bad)
    folders = [path for path in (root / "dataset").iterdir() if path.is_dir()]
    classes = tuple(sorted(path.name for path in folders))
    train: list[Captioned] = []
    for label, name in enumerate(classes):
        train += _read_class(root, name, label, findings)
    if not train:
        findings.settle()
        raise UserError(
            f"{root / 'dataset'}: must hold a folder of images for each class, such as aeroplane"
        )

    count = round(HELD_OUT * len(train))
    train, val = labelled.hold_out(train, count, options.seed)
    train, test = labelled.hold_out(train, count, options.seed)
    splits = {"train": train, "val": val, "test": test}
    written = captioned.write(folder, splits, findings, classes)
    source = "Pascal Sentence, Rashtchian et al. 2010, split by class with the seed"
    return {"source": source, **written}


def _read_class(
    root: pathlib.Path,
    name: str,
    label: int,
    findings: verification.Findings,
) -> Iterator[Captioned]:
    """The images of one class with their sentences."""
    for path in sorted((root / "dataset" / name).iterdir()):
        if path.suffix.lower() not in images.EXTENSIONS:
            continue
        texts = root / "sentence" / name / f"{path.stem}.txt"
        undotted = texts.with_name(f"{path.stem}txt")  # what the downloading tool writes
        if undotted.exists():
            texts = undotted
        entry = LabelledImage(f"{name}/{path.name}", path, label)
        yield from labelled.read(entry, texts, findings)
