"""PASCAL VOC 2012, segmentation: 20 classes of objects and the background, with or without the masks of SBD."""

from tfvse import reading
from tfvse.data import verification
from tfvse.data.kinds import segmentation
from tfvse.data.kinds.segmentation import LabelledPixels

LAYOUT = """
PASCAL VOC 2012 is expected as VOCtrainval_11-May-2012.tar unpacks (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/):
  <data_dir>/JPEGImages/2007_000032.jpg            <data_dir> is VOCdevkit/VOC2012
  <data_dir>/SegmentationClass/2007_000032.png
  <data_dir>/ImageSets/Segmentation/{train,val}.txt
--variant=official: train 1,464, val 1,449.
--variant=merged: training with the masks of SBD (Hariharan et al., 2011) needs as well
  <data_dir>/SegmentationClassAug/*.png            the masks of both as PNG
  <data_dir>/ImageSets/Segmentation/trainaug.txt   names of the training pictures, one a line
and val is what val.txt has and trainaug.txt has not. Where trainaug.txt is VOC's train.txt and SBD's train.txt (8,498
names) in one, 904 are left, the set of FCN and of the thesis; the widespread list of 10,582 leaves all 1,449.
"""
CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
VARIANTS = {
    "merged": ("trainaug", "SegmentationClassAug"),
    "official": ("train", "SegmentationClass"),
}
LISTS = "ImageSets/Segmentation"


def prepare(flags, folder):
    """Train and val; the official test split has no public masks."""
    listing, masks = VARIANTS[verification.variant(flags, tuple(VARIANTS))]
    needed = (
        "JPEGImages",
        "SegmentationClass",
        masks,
        f"{LISTS}/{listing}.txt",
        f"{LISTS}/val.txt",
    )
    root = verification.require(flags.data_dir, needed, LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    names = {"train": _read_list(root / LISTS / f"{listing}.txt", findings)}
    official = _read_list(root / LISTS / "val.txt", findings)
    known = set(names["train"])
    names["val"] = [name for name in official if name not in known]
    if len(names["val"]) < len(official):
        findings.remark(
            f"val: {len(names['val']):,} of {len(official):,} pictures, the others are for training"
        )
    folders = {"train": masks, "val": "SegmentationClass"}
    splits = {
        split: [
            LabelledPixels(
                name, root / f"JPEGImages/{name}.jpg", root / folders[split] / f"{name}.png"
            )
            for name in listed
        ]
        for split, listed in names.items()
    }
    written = segmentation.write(folder, splits, CLASSES, colours(len(CLASSES)), findings)
    source = "PASCAL VOC 2012" + (
        ", masks of SBD, Hariharan et al. 2011" if masks != "SegmentationClass" else ""
    )
    return {
        "licence": "Pictures under their owners' terms on Flickr; for research.",
        "source": source,
        **written,
    }


def _read_list(path, findings):
    """The names in a list file, each once."""
    names = [line.strip() for line in reading.read_lines(path) if line.strip()]
    verification.check_unique(names, path, findings)
    return list(dict.fromkeys(names))


def colours(count):
    """VOC's colours, list of `count` RGB: bit 3b + c of a label is bit 7 - b of its channel c."""

    def bit(label, channel, level):
        return (label >> (3 * level + channel) & 1) << (7 - level)

    return [
        tuple(sum(bit(n, channel, b) for b in range(3)) for channel in range(3))
        for n in range(count)
    ]
