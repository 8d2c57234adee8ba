"""Pascal Sentence: 1,000 pictures of 20 classes with five sentences each (Rashtchian et al. 2010).

There is no official split. As in table 7.1 of Liu's thesis, of every class 40 pictures are for training, 5 for val and
5 for test; which ones, the seed decides.
"""

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned
from tfvse.data.sets import labelled
from tfvse.errors import UserError

LAYOUT = """
Pascal Sentence is expected as https://github.com/rupy/PascalSentenceDataset downloads it from
http://vision.cs.uiuc.edu/pascal-sentences/:
  <data_dir>/dataset/<class>/2008_000716.jpg       20 classes of 50 pictures
  <data_dir>/sentence/<class>/2008_000716.txt      the picture's five sentences, one a line; 2008_000716txt will do
"""
HELD_OUT = 0.1  # of the pictures for val, and as much for test
LICENCE = "Pictures under their owners' terms on Flickr; for research."


def prepare(flags, folder):
    """Split by class with the seed."""
    root = verification.require(flags.data_dir, ("dataset", "sentence"), LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    classes = tuple(sorted(path.name for path in (root / "dataset").iterdir() if path.is_dir()))
    train = [
        entry
        for label, name in enumerate(classes)
        for entry in _read_class(root, name, label, findings)
    ]
    if not train:
        findings.settle()
        raise UserError(
            f"{root / 'dataset'}: must hold a folder of pictures for each class, such as aeroplane"
        )
    splits, count = {}, round(HELD_OUT * len(train))
    for split in ("val", "test"):
        train, splits[split] = labelled.hold_out(train, count, flags.seed)
    written = captioned.write(folder, {"train": train} | splits, findings, classes)
    source = "Pascal Sentence, Rashtchian et al. 2010, split by class with the seed"
    return {"licence": LICENCE, "source": source, **written}


def _read_class(root, name, label, findings):
    for picture in sorted((root / "dataset" / name).iterdir()):
        if picture.suffix.lower() in images.EXTENSIONS:
            sentences = root / "sentence" / name / f"{picture.stem}.txt"
            undotted = sentences.with_name(f"{picture.stem}txt")  # what the downloading tool writes
            yield from labelled.read(
                f"{name}/{picture.name}",
                picture,
                undotted if undotted.exists() else sentences,
                label,
                findings,
            )
