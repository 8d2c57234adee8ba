"""Flickr8k from its official text files and Flickr30k from Karpathy's split file."""

import collections

from tfvse import reading
from tfvse.data import verification
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.errors import UserError

FLICKR8K_LAYOUT = """
Flickr8k is expected as its authors pack it:
  <data_dir>/Flicker8k_Dataset/*.jpg
  <data_dir>/Flickr8k_text/Flickr8k.token.txt            name.jpg#0<TAB>caption
  <data_dir>/Flickr8k_text/Flickr_8k.trainImages.txt     one name.jpg a line; devImages, testImages likewise
Ask for it at https://forms.illinois.edu/sec/1713398 (University of Illinois), or take the copy at
https://github.com/jbrownlee/Datasets/releases/tag/Flickr8k (Flickr8k_Dataset.zip, Flickr8k_text.zip), and unpack both
archives side by side. The test list may be absent.
"""

FLICKR30K_LAYOUT = """
Flickr30k is expected with Karpathy's split (29,000 / 1,014 / 1,000):
  <data_dir>/dataset_flickr30k.json      from https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip
  <data_dir>/flickr30k-images/*.jpg      ask for them at https://shannon.cs.illinois.edu/DenotationGraph/
"""

_LISTS = {"train": "trainImages", "val": "devImages", "test": "testImages"}
LICENCE = "Pictures under their owners' terms on Flickr; for non-commercial research, not to be passed on."


def prepare_flickr8k(flags, folder):
    """Official splits: train 6,000, dev (called val) 1,000, test 1,000 pictures; a split without a list is left out."""
    needed = (
        "Flicker8k_Dataset",
        "Flickr8k_text/Flickr8k.token.txt",
        "Flickr8k_text/Flickr_8k.trainImages.txt",
    )
    root = verification.require(flags.data_dir, needed, FLICKR8K_LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    captions = _read_tokens(root / "Flickr8k_text" / "Flickr8k.token.txt")
    splits = {}
    for split, name in _LISTS.items():
        path = root / "Flickr8k_text" / f"Flickr_8k.{name}.txt"
        if path.exists():
            names = reading.read_text(path).split()
            verification.check_unique(names, path, findings)
            splits[split] = [
                Captioned(name, root / "Flicker8k_Dataset" / name, tuple(captions.get(name, ())))
                for name in dict.fromkeys(names)
            ]
    source = "Flickr8k, Hodosh, Young and Hockenmaier 2013, official splits"
    return {"licence": LICENCE, "source": source, **captioned.write(folder, splits, findings)}


def _read_tokens(path):
    """name → captions, from "name.jpg#0<TAB>caption" lines."""
    captions = collections.defaultdict(list)
    for number, line in enumerate(reading.read_lines(path), start=1):
        name, tab, caption = line.partition("\t")
        if not tab or "#" not in name:
            raise UserError(f"{path}, line {number}: must be name.jpg#0<TAB>caption")
        captions[name.rpartition("#")[0]].append(caption)
    return captions


def prepare_flickr30k(flags, folder):
    """Karpathy's splits."""
    needed = ("dataset_flickr30k.json", "flickr30k-images")
    root = verification.require(flags.data_dir, needed, FLICKR30K_LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    names = {"train": "train", "val": "val", "test": "test"}
    splits = read_karpathy(
        root / "dataset_flickr30k.json", names, root / "flickr30k-images", findings
    )
    source = "Flickr30k, Young et al. 2014, splits of Karpathy and Fei-Fei 2015"
    return {"licence": LICENCE, "source": source, **captioned.write(folder, splits, findings)}


def read_karpathy(path, split_names, pictures, findings):
    """Reads a `dataset_*.json` file.

    Args:
      path: the file.
      split_names: the file's split name → ours; others are passed over.
      pictures: folder that "filepath" and "filename" are relative to.
      findings: where repeated names go.

    Returns:
      split → list of `Captioned`.

    Raises:
      UserError: the file does not have the expected form.
    """
    splits = {split: [] for split in dict.fromkeys(split_names.values())}
    try:
        for entry in reading.read_json(path)["images"]:
            if entry["split"] in split_names:
                texts = tuple(sentence["raw"] for sentence in entry["sentences"])
                file = pictures / entry.get("filepath", "") / entry["filename"]
                splits[split_names[entry["split"]]].append(
                    Captioned(entry["filename"], file, texts)
                )
    except (reading.BadFile, AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a Karpathy split file ({error!r}); take it from caption_datasets.zip"
        ) from None
    for split, entries in splits.items():
        verification.check_unique(
            [entry.id for entry in entries], f"{path}, split {split}", findings
        )
        splits[split] = list({entry.id: entry for entry in entries}.values())
    return splits
