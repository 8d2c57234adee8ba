"""Two domains of pictures: two folders, the side-by-side pictures of pix2pix, or TensorFlow Datasets' cycle_gan."""

import numpy as np

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds import translation
from tfvse.data.kinds.translation import Picture
from tfvse.errors import UserError

TWO_FOLDERS_LAYOUT = """
Two domains are expected in one of three layouts (--folder_a and --folder_b give the names, default A and B):
  1. <data_dir>/trainA/*.jpg  trainB  valA  valB  testA  testB         as CycleGAN's own data sets
  2. <data_dir>/train/A/*.jpg  train/B  val/A  val/B  test/A  test/B   for example --folder_a=photos --folder_b=sketches
  3. <data_dir>/A/*.jpg  B                                             without splits: --held_out draws val and test
val and test may be absent.
With --paired, pictures of the same name (without extension) belong together.
"""
SIDE_BY_SIDE_LAYOUT = """
The side-by-side layout of pix2pix is expected:
  <data_dir>/{train,val,test}/*.jpg      each twice as wide as high: one domain on the left, the other on the right
CMP Facades: http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz
(photographs left, labels right; --a_side says which side is domain a). A split may be absent.
"""
SPLITS = ("train", "val", "test")


def prepare(flags, folder):
    """Two folders of the user's own."""
    root = verification.require(flags.data_dir, (), TWO_FOLDERS_LAYOUT)
    domains = [_find_domain(root, name) for name in (flags.folder_a, flags.folder_b)]
    splits = {s: tuple(d[s] for d in domains) for s in domains[0] if s in domains[1]}
    if "train" not in splits and "all" not in splits:
        verification.require(
            root, (f"train{flags.folder_a}", f"train{flags.folder_b}"), TWO_FOLDERS_LAYOUT
        )
    if flags.paired:
        splits = {split: _pair(*pair, split) for split, pair in splits.items()}
    if "all" in splits:
        splits = _draw_splits(splits["all"], flags)
    written = translation.write(folder, splits, flags.paired, verification.Findings(flags.skip_bad))
    return {
        "licence": "The user's own data.",
        "source": f"folders {flags.folder_a} and {flags.folder_b}",
        **written,
    }


def _find_domain(root, name):
    """split → pictures of one domain; the split is called "all" in a layout without splits."""
    found = {}
    for split, places in {
        **{s: (f"{s}{name}", f"{s}/{name}") for s in SPLITS},
        "all": (name,),
    }.items():
        for place in places:
            if (root / place).is_dir():
                found[split] = [
                    Picture(f"{split}/{path.name}", path) for path in images.files(root / place)
                ]
    return {s: found[s] for s in SPLITS if s in found} if "train" in found else found


def _pair(a, b, split):
    """Both lists in the order of the names, when the names are the same.

    Raises:
      UserError: a picture has no partner, or two share a name.
    """
    by_stem = [{picture.picture.stem: picture for picture in domain} for domain in (a, b)]
    alone = sorted(by_stem[0].keys() ^ by_stem[1].keys())
    if alone:
        raise UserError(
            f"--paired: {alone[0]} and {len(alone) - 1} others of {split} have no partner"
        )
    if len(by_stem[0]) != len(a) or len(by_stem[1]) != len(b):
        raise UserError(
            f"--paired: two pictures of {split} differ only in their extension; rename one of them"
        )
    return tuple([domain[stem] for stem in sorted(by_stem[0])] for domain in by_stem)


def _draw_splits(pair, flags):
    """Seeded train, val and test of two lists; of pairs, when they are paired."""
    drawn = {split: [] for split in SPLITS}
    for pictures in pair:
        order = np.random.default_rng(flags.seed).permutation(len(pictures))
        held = int(round(flags.held_out * len(pictures)))
        cuts = {"train": order[2 * held :], "val": order[:held], "test": order[held : 2 * held]}
        for split, rows in cuts.items():
            drawn[split].append([pictures[row] for row in np.sort(rows)])
    return {split: tuple(lists) for split, lists in drawn.items() if all(lists)}


def prepare_side_by_side(flags, folder):
    """Pictures that hold both domains; halves are kept as PNG, so that no second JPEG loss is added."""
    root = verification.require(flags.data_dir, ("train",), SIDE_BY_SIDE_LAYOUT)
    findings = verification.Findings(flags.skip_bad)
    splits = {}
    for split in SPLITS:
        if (root / split).is_dir():
            halves = [_halves(path, flags.a_side, findings) for path in images.files(root / split)]
            splits[split] = tuple([pair[i] for pair in halves if pair] for i in range(2))
    written = translation.write(folder, splits, True, findings)
    return {
        "licence": "CMP Facades: for research.",
        "source": f"CMP Facades, Tylecek and Sara 2013, as pix2pix has it; domain a is the {flags.a_side} half",
        **written,
    }


def _halves(path, a_side, findings):
    """The two `Picture`s of one file, or None when it cannot be used."""
    try:
        data = images.verify(path)
    except images.BadPicture as problem:
        findings.add("bad picture", f"{path}: picture {problem}")
        return None
    pixels = images.pixels(data)
    if pixels.shape[1] != 2 * pixels.shape[0]:
        findings.add(
            "bad picture",
            f"{path}: is {pixels.shape[1]} x {pixels.shape[0]}, must be twice as wide as high",
        )
        return None
    halves = [pixels[:, : pixels.shape[0]], pixels[:, pixels.shape[0] :]]
    ordered = halves if a_side == "left" else halves[::-1]
    name = f"{path.parent.name}/{path.name}"
    return tuple(Picture(name, images.encode_png(np.ascontiguousarray(half))) for half in ordered)


def prepare_tfds(flags, folder):
    """A data set of TensorFlow Datasets' cycle_gan (horse2zebra, facades, maps ...), chosen with --variant."""
    if not flags.variant:
        raise UserError(
            "--variant: missing; name a data set of cycle_gan, such as --variant=horse2zebra"
        )
    names = ("trainA", "trainB", "testA", "testB")
    _, sets = load_tfds(f"cycle_gan/{flags.variant}", {name: name for name in names}, ("image",))
    pictures = {name: _TfdsPictures(name, examples) for name, examples in sets.items()}
    splits = {split: (pictures[f"{split}A"], pictures[f"{split}B"]) for split in ("train", "test")}
    written = translation.write(folder, splits, False, verification.Findings(flags.skip_bad))
    licence = "See https://github.com/junyanz/CycleGAN: each data set has its own terms."
    return {
        "licence": licence,
        "source": f"TensorFlow Datasets cycle_gan/{flags.variant}",
        **written,
    }


class _TfdsPictures:
    """The encoded pictures of one split, read anew each time they are gone through."""

    def __init__(self, name, examples):
        self.name, self.examples = name, examples

    def __iter__(self):
        for number, example in enumerate(self.examples.as_numpy_iterator()):
            yield Picture(f"{self.name}-{number:06d}", example["image"])
