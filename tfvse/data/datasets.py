"""The table of data sets: a new one is a file in `tfvse.data.sets` and an entry here."""

import dataclasses
import importlib
from typing import Any


@dataclasses.dataclass(frozen=True)
class DataSet:
    """How a data set is prepared. Its module is imported when one of its objects is asked for.

    Attributes:
      module: name of its module in `tfvse.data.sets`.
      kind: name in `tfvse.data.KINDS`.
      licence: terms of use of the data.
      prepare: name of the function (options, folder) → the manifest's entries.
      options: name of the dataclass of its options, a subclass of `sets.options.SetOptions`.
      layout: name of the text that shows the layout of its files; "": it needs no files.
    """

    module: str
    kind: str
    licence: str
    prepare: str = "prepare"
    options: str = "Options"
    layout: str = "LAYOUT"

    def find(self, name: str) -> Any:
        """The object of its module that the attribute `name` names, such as "options"."""
        module = importlib.import_module(f"tfvse.data.sets.{self.module}")
        return getattr(module, getattr(self, name))


_OWN = "The user's own data."
_FLICKR = (
    "Images under their owners' terms on Flickr; for non-commercial research, not to be passed on."
)
_COCO = "Captions: CC BY 4.0. Images under their owners' terms on Flickr."
_CUB = "Images under their owners' terms on Flickr; for non-commercial research."
_FLOWERS = "Images under their owners' terms; for non-commercial research."
_INSTANCES = "Images under their owners' terms; for research."
_CIFAR = (
    "Its authors state none; cite Krizhevsky 2009, Learning multiple layers of features from tiny "
    "images."
)
_DRAWN = "None: drawn by this package."

DATASETS = {
    "emoji": DataSet(
        "emoji",
        "matching",
        "Images: OpenMoji (openmoji.org), CC BY-SA 4.0. Words: em-keyboard (ISC), emoji (BSD).",
        layout="",
    ),
    "flickr8k": DataSet(
        "flickr", "matching", _FLICKR, prepare="prepare_flickr8k", layout="FLICKR8K_LAYOUT"
    ),
    "flickr30k": DataSet(
        "flickr", "matching", _FLICKR, prepare="prepare_flickr30k", layout="FLICKR30K_LAYOUT"
    ),
    "coco": DataSet("coco", "matching", _COCO),
    "coco_captions": DataSet(
        "coco", "matching", _COCO, prepare="prepare_tfds", options="TfdsOptions", layout=""
    ),
    "pascal_sentence": DataSet(
        "pascal_sentence",
        "matching",
        "Images under their owners' terms on Flickr; for research.",
    ),
    "flowers102": DataSet("flowers102", "matching", _FLOWERS),
    "cub200": DataSet("cub200", "matching", _CUB),
    "folder": DataSet("folder", "matching", _OWN),
    "tweets": DataSet("tweets", "matching", _OWN),
    "cifar10": DataSet(
        "cifar", "classification", _CIFAR, prepare="prepare_cifar10", layout="CIFAR10_LAYOUT"
    ),
    "cifar100": DataSet(
        "cifar", "classification", _CIFAR, prepare="prepare_cifar100", layout="CIFAR100_LAYOUT"
    ),
    "imagenet": DataSet(
        "class_folders",
        "classification",
        "For non-commercial research, as https://image-net.org/download says.",
        prepare="prepare_imagenet",
        options="ListedOptions",
        layout="IMAGENET_LAYOUT",
    ),
    "class_folders": DataSet("class_folders", "classification", _OWN),
    "indoor67": DataSet(
        "class_folders",
        "classification",
        _INSTANCES,
        prepare="prepare_indoor67",
        options="ListedOptions",
        layout="INDOOR67_LAYOUT",
    ),
    "flowers102_pictures": DataSet(
        "flowers102",
        "classification",
        _FLOWERS,
        prepare="prepare_images",
        options="ImageOptions",
    ),
    "cub200_pictures": DataSet(
        "cub200", "classification", _CUB, prepare="prepare_images", options="ImageOptions"
    ),
    "holidays": DataSet(
        "instances",
        "classification",
        _INSTANCES,
        prepare="prepare_holidays",
        layout="HOLIDAYS_LAYOUT",
    ),
    "ukb": DataSet(
        "instances", "classification", _INSTANCES, prepare="prepare_ukb", layout="UKB_LAYOUT"
    ),
    "bsds500": DataSet(
        "bsds500",
        "edges",
        "Non-commercial research and education; cite Arbelaez et al. 2011.",
        prepare="prepare_bsds500",
        layout="BSDS500_LAYOUT",
    ),
    "nyud": DataSet(
        "bsds500",
        "edges",
        "Research use; cite Silberman et al. 2012.",
        prepare="prepare_nyud",
        layout="NYUD_LAYOUT",
    ),
    "coarse_edges": DataSet(
        "coarse_edges", "edges", "That of the segmentation set whose outlines they are."
    ),
    "pascal_context": DataSet(
        "coarse_edges",
        "edges",
        "Research use; cite Mottaghi et al. 2014.",
        prepare="prepare_pascal_context",
        layout="PASCAL_CONTEXT_LAYOUT",
    ),
    "two_folders": DataSet("two_folders", "translation", _OWN),
    "facades": DataSet("side_by_side", "translation", "CMP Facades: for research."),
    "cycle_gan": DataSet(
        "cycle_gan",
        "translation",
        "See https://github.com/junyanz/CycleGAN: each data set has its own terms.",
        layout="",
    ),
    "camvid": DataSet("camvid", "segmentation", "For academic use."),
    "voc2012": DataSet(
        "voc",
        "segmentation",
        "Images under their owners' terms on Flickr; for research.",
    ),
    "synthetic_matching": DataSet(
        "synthetic", "matching", _DRAWN, prepare="prepare_matching", layout=""
    ),
    "synthetic_classification": DataSet(
        "synthetic", "classification", _DRAWN, prepare="prepare_classification", layout=""
    ),
    "synthetic_edges": DataSet("synthetic", "edges", _DRAWN, prepare="prepare_edges", layout=""),
    "synthetic_translation": DataSet(
        "synthetic", "translation", _DRAWN, prepare="prepare_translation", layout=""
    ),
    "synthetic_segmentation": DataSet(
        "synthetic", "segmentation", _DRAWN, prepare="prepare_segmentation", layout=""
    ),
}
