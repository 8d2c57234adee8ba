"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011) with the ten captions of each picture by Reed et al. 2016."""

from tfvse.data import captioned, labelled, verification
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


def prepare(flags, folder):
    """Official splits: 5,994 training and 5,794 test pictures; --validation holds some of the first out as val."""
    needed = [f"CUB_200_2011/{name}" for name in (*_LISTS, "images")]
    root = verification.require(flags.data_dir, (*needed, "text_c10"), LAYOUT)
    findings = verification.Findings(flags.skip_bad)
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
        sentences = (root / "text_c10" / name).with_suffix(".txt")
        splits[split] += labelled.read(name, root / "CUB_200_2011" / "images" / name, sentences, label, findings)
    if flags.validation:
        splits["train"], splits["val"] = labelled.hold_out(splits["train"], flags.validation, flags.seed)
    source = "CUB-200-2011, Wah et al. 2011, captions of Reed et al. 2016, official splits"
    return {"licence": LICENCE, "source": source, **captioned.write(folder, splits, findings, tuple(names.values()))}


def _read(path):
    """First word → second word of every line."""
    rows = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if len(words) != 2 or words[0] in rows:
            raise UserError(f"{path}, line {number}: must be a number of its own and a word; unpack the list again")
        rows[words[0]] = words[1]
    return rows
