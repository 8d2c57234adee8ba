"""COCO captions (2014): Karpathy's split file, the official annotation files, or TensorFlow Datasets.

Splits (--variant):
  karpathy          82,783 training pictures as in the CycleMatch paper; Karpathy's 5,000 val and 5,000 test
  karpathy_restval  the 30,504 other validation pictures added to training, 113,287 in all, as many later papers do
  first_5000        needs the annotation files alone: of the validation pictures by ascending id, the first 5,000 are
                    val and the next 5,000 test; not comparable with published numbers
1K results are folds of the 5,000 test pictures: a matter of evaluation, not of preparation.

Where the files of the instances are there, the pictures have labels: those of the 80 categories that they show.
"""

import collections
import dataclasses
import json

from tfvse import reading
from tfvse.data import verification
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.sets import flickr
from tfvse.errors import UserError

LAYOUT = """
COCO 2014 is expected in this layout (https://cocodataset.org/#download):
  <data_dir>/train2014/*.jpg  val2014/*.jpg
  <data_dir>/dataset_coco.json                                  --variant=karpathy (default) or karpathy_restval,
      from https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip
  <data_dir>/annotations/captions_{train,val}2014.json          --variant=first_5000
  <data_dir>/annotations/instances_{train,val}2014.json         optional: labels of the pictures, for any variant
Or let TensorFlow Datasets download it: --data=coco_captions (Karpathy's splits; pip install "tfvse[tfds]").
"""
LICENCE = "Captions: CC BY 4.0. Pictures under their owners' terms on Flickr."
VARIANTS = ("karpathy", "karpathy_restval", "first_5000")
HELD_OUT = 5000
_MOST_BYTES = 2**30  # of an annotation file: the largest official one has 448 million


def prepare(flags, folder):
    """From files that were downloaded by hand."""
    variant = verification.variant(flags, VARIANTS)
    findings = verification.Findings(flags.skip_bad)
    if variant == "first_5000":
        needed = (
            "train2014",
            "val2014",
            "annotations/captions_train2014.json",
            "annotations/captions_val2014.json",
        )
        root = verification.require(flags.data_dir, needed, LAYOUT)
        splits = _read_official(root, findings)
    else:
        root = verification.require(
            flags.data_dir, ("train2014", "val2014", "dataset_coco.json"), LAYOUT
        )
        names = {"train": "train", "val": "val", "test": "test"}
        if variant == "karpathy_restval":
            names["restval"] = "train"
        splits = flickr.read_karpathy(root / "dataset_coco.json", names, root, findings)
    classes, labels = _read_instances(root / "annotations")
    splits = {
        split: [dataclasses.replace(entry, labels=labels.get(entry.id, ())) for entry in entries]
        for split, entries in splits.items()
    }
    source = f"COCO 2014 captions, splits: {variant}"
    written = captioned.write(folder, splits, findings, classes, single_label=False)
    return {"licence": LICENCE, "source": source, **written}


def _read_instances(annotations):
    """(names of the categories, file name → numbers of those in the picture); both empty where there are no files."""
    paths = [annotations / f"instances_{part}.json" for part in ("train2014", "val2014")]
    if not any(path.exists() for path in paths):
        return (), {}
    categories, labels = {}, collections.defaultdict(set)
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
    return tuple(categories[number] for number in sorted(categories)), {
        n: tuple(found) for n, found in labels.items()
    }


def _slim(entry):
    """Keeps two numbers of an annotation as soon as it is read: the outlines of all would take gigabytes."""
    return (entry["image_id"], entry["category_id"]) if "category_id" in entry else entry


def _read_official(root, findings):
    train = _read_annotations(root, "train2014", findings)
    held_out = _read_annotations(root, "val2014", findings)
    return {"train": train, "val": held_out[:HELD_OUT], "test": held_out[HELD_OUT : 2 * HELD_OUT]}


def _read_annotations(root, part, findings):
    """`Captioned` of every picture of captions_<part>.json, by ascending id."""
    path = root / "annotations" / f"captions_{part}.json"
    captions = collections.defaultdict(list)
    try:
        content = reading.read_json(path, _MOST_BYTES)
        names = {image["id"]: image["file_name"] for image in content["images"]}
        for annotation in sorted(content["annotations"], key=lambda entry: entry["id"]):
            captions[annotation["image_id"]].append(annotation["caption"])
        listed = [image["file_name"] for image in content["images"]]
        verification.check_unique(listed, path, findings)
        for number in sorted(captions.keys() - names.keys()):
            findings.add(
                "caption without picture", f"{path}: image_id {number} is not in its list of images"
            )
        return [
            Captioned(names[i], root / part / names[i], tuple(captions[i])) for i in sorted(names)
        ]
    except (reading.BadFile, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a COCO caption file ({error!r}); unpack it again") from None


def prepare_tfds(flags, folder):
    """TensorFlow Datasets' coco_captions, which has Karpathy's splits."""
    variant = verification.variant(flags, VARIANTS[:2])
    train = "train+restval" if variant == "karpathy_restval" else "train"
    _, sets = load_tfds("coco_captions", {"train": train, "val": "val", "test": "test"}, ("image",))
    splits = {split: _TfdsCaptions(examples) for split, examples in sets.items()}
    written = captioned.write(folder, splits, verification.Findings(flags.skip_bad))
    return {
        "licence": LICENCE,
        "source": f"TensorFlow Datasets coco_captions, splits: {variant}",
        **written,
    }


class _TfdsCaptions:
    """The pictures of one split with their captions, read anew each time they are gone through."""

    def __init__(self, examples):
        self.examples = examples

    def __iter__(self):
        for example in self.examples.as_numpy_iterator():
            texts = tuple(text.decode() for text in example["captions"]["text"])
            yield Captioned(example["image/filename"].decode(), example["image"], texts)
