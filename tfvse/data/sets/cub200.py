"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011) with the ten captions of each picture by Reed et al. 2016."""

from tfvse import reading
from tfvse.data import verification
from tfvse.data.kinds import captioned, classification
from tfvse.data.sets import labelled
from tfvse.errors import UserError

LAYOUT = """
CUB-200-2011 is expected in this layout (https://www.vision.caltech.edu/datasets/cub_200_2011/):
  <data_dir>/CUB_200_2011/classes.txt images.txt image_class_labels.txt train_test_split.txt
  <data_dir>/CUB_200_2011/images/001.Black_footed_Albatross/*.jpg
  <data_dir>/text_c10/001.Black_footed_Albatross/*.txt        ten captions a picture, one a line; from
      cvpr2016_cub.tar.gz of https://github.com/reedscot/cvpr2016
"""
LICENCE = "Pictures under their owners' terms on Flickr; for non-commercial research."
_LISTS = ("classes.txt", "images.txt", "image_class_labels.txt", "train_test_split.txt")
_FILES = tuple(f"CUB_200_2011/{name}" for name in (*_LISTS, "images"))
SOURCE = "CUB-200-2011, Wah et al. 2011"


def prepare(flags, folder):
    """Official splits: 5,994 training and 5,794 test pictures; --validation holds some of the first out as val."""
    root = verification.require(flags.data_dir, (*_FILES, "text_c10"), LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    classes, pictures = _pictures(root)
    splits = {split: [] for split in pictures}
    for split, entries in pictures.items():
        for entry in entries:
            sentences = (root / "text_c10" / entry.id).with_suffix(".txt")
            splits[split] += labelled.read(
                entry.id, entry.picture, sentences, entry.label, findings
            )
    if flags.validation:
        splits["train"], splits["val"] = labelled.hold_out(
            splits["train"], flags.validation, flags.seed
        )
    source = f"{SOURCE}, captions of Reed et al. 2016, official splits"
    return {
        "licence": LICENCE,
        "source": source,
        **captioned.write(folder, splits, findings, classes),
    }


def prepare_pictures(flags, folder):
    """The pictures and their classes alone; no captions are needed."""
    root = verification.require(flags.data_dir, _FILES, LAYOUT)
    classes, splits = _pictures(root)
    written = classification.write_pictures(
        folder, splits, classes, verification.Findings(flags.skip_bad)
    )
    return {"licence": LICENCE, "source": f"{SOURCE}, official splits", **written}


def _pictures(root):
    """(names of the classes, split → `LabelledPicture`s)."""
    names, pictures, class_of, is_train = (_read(root / "CUB_200_2011" / name) for name in _LISTS)
    numbers = {key: number for number, key in enumerate(names)}
    splits = {"train": [], "test": []}
    for key, name in pictures.items():
        try:
            label, split = numbers[class_of[key]], {"1": "train", "0": "test"}[is_train[key]]
        except KeyError:
            raise UserError(
                f"{root / 'CUB_200_2011'}: picture {key} of images.txt has no class or no 0 or 1 in the other lists; "
                "unpack them again"
            ) from None
        path = root / "CUB_200_2011" / "images" / name
        splits[split].append(classification.LabelledPicture(name, path, label))
    return tuple(names.values()), splits


def _read(path):
    """First word → second word of every line."""
    rows = {}
    for number, line in enumerate(reading.read_lines(path), start=1):
        words = line.split()
        if len(words) != 2 or words[0] in rows:
            raise UserError(
                f"{path}, line {number}: must be a number of its own and a word; unpack the list again"
            )
        rows[words[0]] = words[1]
    return rows
