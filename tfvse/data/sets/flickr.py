"""Flickr8k from its official text files and Flickr30k from Karpathy's split file."""

import collections
import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from tfvse import reading
from tfvse.data import verification
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.sets.options import FileOptions
from tfvse.errors import UserError

FLICKR8K_LAYOUT = """
Flickr8k is expected as its authors pack it:
  <data_dir>/Flicker8k_Dataset/*.jpg
  <data_dir>/Flickr8k_text/Flickr8k.token.txt            name.jpg#0<TAB>caption
  <data_dir>/Flickr8k_text/Flickr_8k.trainImages.txt     one name.jpg a line; devImages,
                                                         testImages likewise
Ask for it at https://forms.illinois.edu/sec/1713398 (University of Illinois), or take the copy at
https://github.com/jbrownlee/Datasets/releases/tag/Flickr8k (Flickr8k_Dataset.zip,
Flickr8k_text.zip), and unpack both archives side by side. The test list may be absent.
"""
FLICKR30K_LAYOUT = """
Flickr30k is expected with Karpathy's split (29,000 / 1,014 / 1,000):
  <data_dir>/dataset_flickr30k.json
      from https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip
  <data_dir>/flickr30k-images/*.jpg
      ask for them at https://shannon.cs.illinois.edu/DenotationGraph/
"""
_LISTS = {"train": "trainImages", "val": "devImages", "test": "testImages"}


@dataclasses.dataclass(frozen=True)
class Options(FileOptions):
    """Options of flickr8k and flickr30k."""


def prepare_flickr8k(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the official splits: train 6,000, dev (called val) 1,000, test 1,000 images.

    A split without a list is left out.
    """
    needed = (
        "Flicker8k_Dataset",
        "Flickr8k_text/Flickr8k.token.txt",
        "Flickr8k_text/Flickr_8k.trainImages.txt",
    )
    root = verification.require(options.data_dir, needed, FLICKR8K_LAYOUT)
    findings = verification.Findings(options.skip_bad)
    captions = _read_tokens(root / "Flickr8k_text" / "Flickr8k.token.txt")
    splits = {}
    for split, name in _LISTS.items():
        path = root / "Flickr8k_text" / f"Flickr_8k.{name}.txt"
        if path.exists():
            splits[split] = _listed(path, root / "Flicker8k_Dataset", captions, findings)
    source = "Flickr8k, Hodosh, Young and Hockenmaier 2013, official splits"
    return {"source": source, **captioned.write(folder, splits, findings)}


def _listed(
    path: pathlib.Path,
    image_folder: pathlib.Path,
    captions: Mapping[str, list[str]],
    findings: verification.Findings,
) -> list[Captioned]:
    """The images that a list of Flickr8k names, each once."""
    names = reading.read_text(path).split()
    verification.check_unique(names, path, findings)
    found = []
    for name in dict.fromkeys(names):
        found.append(Captioned(name, image_folder / name, tuple(captions.get(name, ()))))
    return found


def _read_tokens(path: pathlib.Path) -> dict[str, list[str]]:
    """Name → captions, from "name.jpg#0<TAB>caption" lines."""
    captions = collections.defaultdict(list)
    for number, line in enumerate(reading.read_lines(path), start=1):
        name, tab, caption = line.partition("\t")
        if not tab or "#" not in name:
            raise UserError(f"{path}, line {number}: must be name.jpg#0<TAB>caption")
        captions[name.rpartition("#")[0]].append(caption)
    return captions


def prepare_flickr30k(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes Karpathy's splits."""
    needed = ("dataset_flickr30k.json", "flickr30k-images")
    root = verification.require(options.data_dir, needed, FLICKR30K_LAYOUT)
    findings = verification.Findings(options.skip_bad)
    names = {"train": "train", "val": "val", "test": "test"}
    path = root / "dataset_flickr30k.json"
    splits = read_karpathy(path, names, root / "flickr30k-images", findings)
    source = "Flickr30k, Young et al. 2014, splits of Karpathy and Fei-Fei 2015"
    return {"source": source, **captioned.write(folder, splits, findings)}


def read_karpathy(
    path: pathlib.Path,
    split_names: Mapping[str, str],
    image_folder: pathlib.Path,
    findings: verification.Findings,
) -> dict[str, list[Captioned]]:
    """Reads a `dataset_*.json` file.

    Args:
      path: the file.
      split_names: the file's split name → ours; others are passed over.
      image_folder: folder that "filepath" and "filename" are relative to.
      findings: where repeated names go.

    Returns:
      split → its images, each once.

    Raises:
      UserError: the file does not have the expected form.
    """
    splits: dict[str, list[Captioned]] = {split: [] for split in split_names.values()}
    try:
        for entry in reading.read_json(path)["images"]:
            if entry["split"] in split_names:
                texts = tuple(sentence["raw"] for sentence in entry["sentences"])
                file = image_folder / entry.get("filepath", "") / entry["filename"]
                found = Captioned(entry["filename"], file, texts)
                splits[split_names[entry["split"]]].append(found)
    except (reading.BadFile, AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not a Karpathy split file ({error!r}); take it from caption_datasets.zip"
        ) from None
    for split, entries in splits.items():
        ids = [entry.id for entry in entries]
        verification.check_unique(ids, f"{path}, split {split}", findings)
        splits[split] = list({entry.id: entry for entry in entries}.values())
    return splits
