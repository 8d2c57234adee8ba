"""COCO captions (2014): Karpathy's split file, the official files, or TensorFlow Datasets.

Splits (--variant):
  karpathy          82,783 training images as in the CycleMatch paper; Karpathy's 5,000 val and
                    5,000 test
  karpathy_restval  the 30,504 other validation images added to training, 113,287 in all, as many
                    later papers do
  first_5000        needs the annotation files alone: of the validation images by ascending id, the
                    first 5,000 are val and the next 5,000 test; not comparable with published
                    numbers
1K results are folds of the 5,000 test images: a matter of evaluation, not of preparation.

Where the files of the instances are there, the images have labels: those of the 80 categories that
they show.
"""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfvse import reading
from tfvse.config import setting
from tfvse.data import verification
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.sets import flickr
from tfvse.data.sets.options import FileOptions, SetOptions
from tfvse.errors import UserError

LAYOUT = """
COCO 2014 is expected in this layout (https://cocodataset.org/#download):
  <data_dir>/train2014/*.jpg  val2014/*.jpg
  <data_dir>/dataset_coco.json
      for --variant=karpathy (default) or karpathy_restval, from
      https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip
  <data_dir>/annotations/captions_{train,val}2014.json
      for --variant=first_5000
  <data_dir>/annotations/instances_{train,val}2014.json
      optional: labels of the images, for any variant
Or let TensorFlow Datasets download it: --data=coco_captions (Karpathy's splits; pip install
".[tfds]" in the checkout).
"""
VARIANTS = ("karpathy", "karpathy_restval", "first_5000")
HELD_OUT = 5000
_MOST_BYTES = 2**30  # of an annotation file: the largest official one has 448 million


@dataclasses.dataclass(frozen=True)
class Options(FileOptions):
    """Options of coco."""

    variant: str = setting(VARIANTS[0], "the splits", choices=VARIANTS)


@dataclasses.dataclass(frozen=True)
class TfdsOptions(SetOptions):
    """Options of coco_captions."""

    variant: str = setting(VARIANTS[0], "the splits", choices=VARIANTS[:2])


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the images with captions of files that were downloaded by hand."""
    findings = verification.Findings(options.skip_bad)
    if options.variant == "first_5000":
        root, splits = _official_splits(options, findings)
    else:
        root, splits = _karpathy_splits(options, findings)

    classes, labels = _read_instances(root / "annotations")
    for split, entries in splits.items():
        splits[split] = [
            dataclasses.replace(entry, labels=labels.get(entry.id, ())) for entry in entries
        ]
    written = captioned.write(folder, splits, findings, classes, single_label=False)
    return {"source": f"COCO 2014 captions, splits: {options.variant}", **written}


def _karpathy_splits(
    options: Options,
    findings: verification.Findings,
) -> tuple[pathlib.Path, dict[str, list[Captioned]]]:
    """(the folder, split → images) by Karpathy's split file."""
    needed = ("train2014", "val2014", "dataset_coco.json")
    root = verification.require(options.data_dir, needed, LAYOUT)
    names = {"train": "train", "val": "val", "test": "test"}
    if options.variant == "karpathy_restval":
        names["restval"] = "train"
    return root, flickr.read_karpathy(root / "dataset_coco.json", names, root, findings)


def _official_splits(
    options: Options,
    findings: verification.Findings,
) -> tuple[pathlib.Path, dict[str, list[Captioned]]]:
    """(the folder, split → images) by the official annotation files."""
    needed = (
        "train2014",
        "val2014",
        "annotations/captions_train2014.json",
        "annotations/captions_val2014.json",
    )
    root = verification.require(options.data_dir, needed, LAYOUT)
    held_out = _read_annotations(root, "val2014", findings)
    splits = {
        "train": _read_annotations(root, "train2014", findings),
        "val": held_out[:HELD_OUT],
        "test": held_out[HELD_OUT : 2 * HELD_OUT],
    }
    return root, splits


def _read_instances(
    annotations: pathlib.Path,
) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """The labels of the images; none where there are no files.

    Returns:
      (names of the categories, file name → numbers of the categories in the image).
    """
    paths = [annotations / f"instances_{part}.json" for part in ("train2014", "val2014")]
    if not any(path.exists() for path in paths):
        return (), {}
    categories: dict[int, str] = {}
    labels: dict[str, set[int]] = collections.defaultdict(set)
    for path in paths:
        try:
            content = json.loads(reading.read_text(path, _MOST_BYTES), object_hook=_slim)
            categories = {entry["id"]: entry["name"] for entry in content["categories"]}
            names = {image["id"]: image["file_name"] for image in content["images"]}
            numbers = {category: number for number, category in enumerate(sorted(categories))}
            for image, category in content["annotations"]:
                labels[names[image]].add(numbers[category])
        except reading.BadFile as error:
            raise UserError(
                f"{path}: is {error.reason}; give the instances of both parts, or of neither"
            ) from None
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UserError(
                f"{path}: not a COCO instance file ({error!r}); unpack it again"
            ) from None
    classes = tuple(categories[number] for number in sorted(categories))
    return classes, {name: tuple(found) for name, found in labels.items()}


def _slim(entry: dict[str, Any]) -> Any:
    """Keeps two numbers of an annotation at once: all outlines would take gigabytes."""
    if "category_id" in entry:
        return entry["image_id"], entry["category_id"]
    return entry


def _read_annotations(
    root: pathlib.Path,
    part: str,
    findings: verification.Findings,
) -> list[Captioned]:
    """Every image of captions_<part>.json, by ascending id."""
    path = root / "annotations" / f"captions_{part}.json"
    try:
        return _parse_annotations(reading.read_json(path, _MOST_BYTES), path, root / part, findings)
    except (reading.BadFile, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a COCO caption file ({error!r}); unpack it again") from None


def _parse_annotations(
    content: Any,
    path: pathlib.Path,
    folder: pathlib.Path,
    findings: verification.Findings,
) -> list[Captioned]:
    """See `_read_annotations`; the file at `path` has `content`, images are in `folder`."""
    captions = collections.defaultdict(list)
    names = {image["id"]: image["file_name"] for image in content["images"]}
    for annotation in sorted(content["annotations"], key=_annotation_id):
        captions[annotation["image_id"]].append(annotation["caption"])

    listed = [image["file_name"] for image in content["images"]]
    verification.check_unique(listed, path, findings)
    for number in sorted(captions.keys() - names.keys()):
        findings.add(
            "caption without image", f"{path}: image_id {number} is not in its list of images"
        )
    found = []
    for number in sorted(names):
        name = names[number]
        found.append(Captioned(name, folder / name, tuple(captions[number])))
    return found


def _annotation_id(annotation: dict[str, Any]) -> Any:
    """What annotations are sorted by."""
    return annotation["id"]


def prepare_tfds(
    options: TfdsOptions,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes coco_captions of TensorFlow Datasets, which has Karpathy's splits."""
    theirs = {"train": "train", "val": "val", "test": "test"}
    if options.variant == "karpathy_restval":
        theirs["train"] = "train+restval"
    _, sets = load_tfds("coco_captions", theirs, ("image",))
    splits: dict[str, Any] = {split: _TfdsCaptions(examples) for split, examples in sets.items()}
    written = captioned.write(folder, splits, verification.Findings(options.skip_bad))
    source = f"TensorFlow Datasets coco_captions, splits: {options.variant}"
    return {"source": source, **written}


class _TfdsCaptions:
    """The images of one split with their captions, read anew each time they are gone through."""

    def __init__(self, examples: tf.data.Dataset) -> None:
        """Refers to the `examples` of TensorFlow Datasets."""
        self.examples = examples

    def __iter__(self) -> Iterator[Captioned]:
        """The images in their order."""
        for example in self.examples.as_numpy_iterator():
            texts = tuple(text.decode() for text in example["captions"]["text"])
            yield Captioned(example["image/filename"].decode(), example["image"], texts)
