"""Data sets: each is prepared once into records with a manifest, then loaded by its kind.

`DATASETS` names, for every data set, the function that prepares it: `prepare(flags, folder) -> manifest entries`.
"""

import importlib

from tfvse.data import manifest
from tfvse.errors import UserError

DATASETS = {
    "emoji": "tfvse.data.sets.emoji:prepare",
    "flickr8k": "tfvse.data.sets.flickr:prepare_flickr8k",
    "flickr30k": "tfvse.data.sets.flickr:prepare_flickr30k",
    "coco": "tfvse.data.sets.coco:prepare",
    "coco_captions": "tfvse.data.sets.coco:prepare_tfds",
    "pascal_sentence": "tfvse.data.sets.pascal_sentence:prepare",
    "flowers102": "tfvse.data.sets.flowers102:prepare",
    "cub200": "tfvse.data.sets.cub200:prepare",
    "folder": "tfvse.data.sets.folder:prepare",
    "tweets": "tfvse.data.sets.tweets:prepare",
    "cifar10": "tfvse.data.sets.cifar:prepare_cifar10",
    "cifar100": "tfvse.data.sets.cifar:prepare_cifar100",
    "imagenet": "tfvse.data.sets.class_folders:prepare_imagenet",
    "class_folders": "tfvse.data.sets.class_folders:prepare",
    "indoor67": "tfvse.data.sets.class_folders:prepare_indoor67",
    "flowers102_pictures": "tfvse.data.sets.flowers102:prepare_pictures",
    "cub200_pictures": "tfvse.data.sets.cub200:prepare_pictures",
    "holidays": "tfvse.data.sets.instances:prepare_holidays",
    "ukb": "tfvse.data.sets.instances:prepare_ukb",
    "bsds500": "tfvse.data.sets.bsds500:prepare_bsds500",
    "nyud": "tfvse.data.sets.bsds500:prepare_nyud",
    "coarse_edges": "tfvse.data.sets.coarse_edges:prepare",
    "pascal_context": "tfvse.data.sets.coarse_edges:prepare_pascal_context",
    "two_folders": "tfvse.data.sets.two_folders:prepare",
    "facades": "tfvse.data.sets.two_folders:prepare_side_by_side",
    "cycle_gan": "tfvse.data.sets.two_folders:prepare_tfds",
    "camvid": "tfvse.data.sets.camvid:prepare",
    "voc2012": "tfvse.data.sets.voc:prepare",
    "synthetic_matching": "tfvse.data.sets.synthetic:prepare_matching",
    "synthetic_classification": "tfvse.data.sets.synthetic:prepare_classification",
    "synthetic_edges": "tfvse.data.sets.synthetic:prepare_edges",
    "synthetic_translation": "tfvse.data.sets.synthetic:prepare_translation",
    "synthetic_segmentation": "tfvse.data.sets.synthetic:prepare_segmentation",
}
KINDS = {
    "matching": "tfvse.data.kinds.matching:MatchingData",
    "classification": "tfvse.data.kinds.classification:ClassificationData",
    "translation": "tfvse.data.kinds.translation:TranslationData",
    "edges": "tfvse.data.kinds.edges:EdgeData",
    "segmentation": "tfvse.data.kinds.segmentation:SegmentationData",
}


def find(target):
    """The object that "module:name" names, imported when asked for."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


def load(config, kind=None):
    """Loads the prepared data set of a config.

    Args:
      config: a config with `data` and `prepared_path`, and what its kind of data reads.
      kind: the kind that the caller needs, or None for any.

    Returns:
      The class of its kind in `KINDS`.

    Raises:
      UserError: nothing is prepared there, or it is another data set or of another kind.
    """
    found = manifest.read(config.prepared_path)
    if config.data and found["data_set"] != config.data:
        raise UserError(
            f"--data={config.data}: {config.prepared_path} holds {found['data_set']} instead"
        )
    if found["kind"] not in KINDS:
        raise UserError(
            f"{config.prepared_path}: holds a set for {found['kind']}, none of {', '.join(KINDS)}"
        )
    if kind and found["kind"] != kind:
        raise UserError(
            f"--data={config.data}: is a data set for {found['kind']}; this system learns {kind}"
        )
    return find(KINDS[found["kind"]])(config, found)
