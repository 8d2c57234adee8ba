"""Pictures in one folder for each class: ImageNet, scenes, or a person's own; ImageNet by TensorFlow Datasets too."""

import numpy as np

from tfvse import reading
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds.classification import LabelledPicture, write_pictures
from tfvse.errors import UserError

LAYOUT = """
Pictures in folders are expected in one of two layouts:
  1. <data_dir>/train/<class>/*.jpg  val/<class>/*.jpg  test/<class>/*.jpg      val and test may be absent
  2. <data_dir>/<class>/*.jpg          without splits: --held_out draws a share of every class for val and for test;
                                       --train_per_class=100 draws so many for train, the rest is test (Scene-15)
"""
IMAGENET_LAYOUT = """
ImageNet 2012 is expected in one of two forms (https://image-net.org/download-images.php, after registration):
  1. <data_dir>/train/n01440764/*.JPEG  val/n01440764/*.JPEG       the validation pictures sorted into folders as well
  2. no --data_dir: from TensorFlow Datasets (pip install "tfvse[tfds]"), with ILSVRC2012_img_train.tar and _val.tar in
     its folder for downloads by hand
"""
INDOOR67_LAYOUT = """
MIT Indoor-67 is expected in this layout (https://web.mit.edu/torralba/www/indoor.html):
  <data_dir>/Images/airport_inside/*.jpg  TrainImages.txt  TestImages.txt       the lists: airport_inside/x.jpg a line
"""
SPLITS = ("train", "val", "test")


def prepare(flags, folder):
    """Folders of classes, of the user's own or of a public set."""
    root = verification.require(flags.data_dir, (), LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    if (root / "train").is_dir():
        classes, splits = _splits_in(root)
    else:
        classes = _classes_in(root)
        pictures = _pictures(root, root, classes)
        if not pictures:
            raise UserError(
                f"{root}: its {len(classes)} folders hold no pictures; check the layout"
            )
        splits = _draw(pictures, flags)
    written = write_pictures(folder, splits, classes, findings)
    return {
        "licence": "The user's own data.",
        "source": f"{len(classes):,} folders of pictures",
        **written,
    }


def prepare_imagenet(flags, folder):
    """The 1.2 million training and 50,000 validation pictures of ILSVRC 2012."""
    if flags.data_dir:
        root = verification.require(flags.data_dir, ("train", "val"), IMAGENET_LAYOUT)
        classes, splits = _splits_in(root)
    else:
        info, sets = load_tfds("imagenet2012", {"train": "train", "val": "validation"}, ("image",))
        classes = info.features["label"].names
        splits = {split: _TfdsPictures(split, examples) for split, examples in sets.items()}
    written = write_pictures(folder, splits, classes, verification.Findings(flags.skip_bad))
    licence = "For non-commercial research, as https://image-net.org/download says."
    return {
        "licence": licence,
        "source": "ImageNet, ILSVRC 2012, Russakovsky et al. 2015",
        **written,
    }


def prepare_indoor67(flags, folder):
    """MIT Indoor-67 in its official lists: 5,360 training and 1,340 test pictures."""
    lists = {"train": "TrainImages.txt", "test": "TestImages.txt"}
    root = verification.require(flags.data_dir, ("Images", *lists.values()), INDOOR67_LAYOUT)
    classes, findings = _classes_in(root / "Images"), verification.Findings(flags.skip_bad)
    splits = {split: _listed(root, name, classes) for split, name in lists.items()}
    written = write_pictures(folder, splits, classes, findings)
    source = "MIT Indoor-67, Quattoni and Torralba 2009, official lists"
    return {
        "licence": "Pictures under their owners' terms; for research.",
        "source": source,
        **written,
    }


def _classes_in(root):
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    for name in classes:
        if not verification.is_text(name):
            raise UserError(f"{root / name}: the folder's name is no UTF-8; rename it")
    if len(classes) < 2:
        raise UserError(
            f"{root}: must hold at least two folders, one for each class; it holds {len(classes)}"
        )
    return classes


def _splits_in(root):
    """(classes, split → pictures) of train/<class>, val/<class>, test/<class>."""
    classes = _classes_in(root / "train")
    splits = {}
    for split in SPLITS:
        if (root / split).is_dir():
            unknown = sorted(set(_classes_in(root / split)) - set(classes))
            if unknown:
                raise UserError(
                    f"{root / split / unknown[0]}: {root / 'train'} has no such class; add it, or remove this"
                )
            splits[split] = _pictures(root, root / split, classes)
    return classes, splits


def _pictures(root, folder, classes):
    """`LabelledPicture`s of `folder`, class by class; their ids are paths below `root`."""
    return [
        LabelledPicture(path.relative_to(root).as_posix(), path, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for path in images.files(folder / name)
    ]


def _draw(pictures, flags):
    """Seeded splits of every class."""
    generator, rows = np.random.default_rng(flags.seed), {split: [] for split in SPLITS}
    labels = np.array([picture.label for picture in pictures])
    for label in np.unique(labels):
        order = generator.permutation(np.flatnonzero(labels == label))
        held = int(round(flags.held_out * len(order)))
        cuts = (0, held, 2 * held)  # of val and of test; the others are for training
        if flags.train_per_class:
            cuts = (0, 0, max(len(order) - flags.train_per_class, 0))
        rows["val"] += order[cuts[0] : cuts[1]].tolist()
        rows["test"] += order[cuts[1] : cuts[2]].tolist()
        rows["train"] += order[cuts[2] :].tolist()
    return {
        split: [pictures[row] for row in sorted(found)] for split, found in rows.items() if found
    }


def _listed(root, name, classes):
    numbers, found = {name: number for number, name in enumerate(classes)}, []
    for place, line in enumerate(reading.read_lines(root / name), start=1):
        path = line.strip()
        if path and (path.count("/") != 1 or path.split("/")[0] not in numbers):
            raise UserError(
                f"{root / name}, line {place}: must be <class>/<picture> of {root / 'Images'}"
            )
        if path:
            found.append(LabelledPicture(path, root / "Images" / path, numbers[path.split("/")[0]]))
    return found


class _TfdsPictures:
    """The encoded pictures of one split, read anew each time they are gone through."""

    def __init__(self, split, examples):
        self.split, self.examples = split, examples

    def __iter__(self):
        for number, example in enumerate(self.examples.as_numpy_iterator()):
            yield LabelledPicture(
                f"{self.split}-{number:07d}", example["image"], int(example["label"])
            )
