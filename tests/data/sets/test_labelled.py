"""Pascal Sentence, Flowers-102 and CUB-200-2011 in their official layouts, a few images each."""

import shutil

import numpy as np
import pytest
import scipy.io

from tests.data import making
from tfvse import data
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.sets import labelled
from tfvse.errors import UserError


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def pascal_sentence(tmp_path):
    """Two classes of ten images with five sentences; one file has the downloading tool's name."""
    root = tmp_path / "pascal"
    for i in range(20):
        name = ("cat", "aeroplane")[i % 2]
        put(root / "dataset" / name / f"2008_{i:06d}.jpg", making.jpeg(i))
        sentences = "".join(f"Sentence {j} of a {name}. \n" for j in range(5))
        put(
            root / "sentence" / name / (f"2008_{i:06d}txt" if i == 3 else f"2008_{i:06d}.txt"),
            sentences,
        )
    return root


@pytest.fixture
def flowers102(tmp_path):
    """Eight images of two classes: two for training, two for val, four for test."""
    root = tmp_path / "flowers"
    labels = np.array([[1, 2, 1, 2, 1, 2, 1, 2]], np.uint8)
    sets = {"trnid": [[8, 1]], "valid": [[2, 3]], "tstid": [[4, 5, 6, 7]]}
    for i, label in enumerate(labels[0], start=1):
        put(root / "jpg" / f"image_{i:05d}.jpg", making.jpeg(i))
        texts = "".join(f"flower {i} with {j} petals\n" for j in range(10))
        put(root / "text_c10" / f"class_{label:05d}" / f"image_{i:05d}.txt", texts)
    scipy.io.savemat(root / "imagelabels.mat", {"labels": labels})
    scipy.io.savemat(
        root / "setid.mat", {name: np.array(rows, np.uint16) for name, rows in sets.items()}
    )
    return root


@pytest.fixture
def cub200(tmp_path):
    """Twelve birds of three kinds, every fourth for testing."""
    root, rows = tmp_path / "cub", range(1, 13)
    kinds = ["001.Albatross", "002.Auk", "003.Wren"]
    names = {i: f"{kinds[i % 3]}/Bird_{i:04d}.jpg" for i in rows}
    lists = {
        "classes": [f"{i + 1} {kind}" for i, kind in enumerate(kinds)],
        "images": [f"{i} {names[i]}" for i in rows],
        "image_class_labels": [f"{i} {i % 3 + 1}" for i in rows],
        "train_test_split": [f"{i} {int(i % 4 > 0)}" for i in rows],
    }
    for i, name in names.items():
        put(root / "CUB_200_2011" / "images" / name, making.jpeg(i))
        put(
            root / "text_c10" / name.replace(".jpg", ".txt"),
            "\n".join(f"bird {i}, text {j}" for j in range(10)),
        )
    for name, lines in lists.items():
        put(root / "CUB_200_2011" / f"{name}.txt", "\n".join(lines) + "\n")
    return root


def images(found):
    return {split: count["images"] for split, count in found["splits"].items()}


def labels(read, folder, split):
    return np.array(read(folder, f"{split}/images", "labels")).argmax(1).tolist()


def test_pascal_sentence_is_split_by_class(pascal_sentence, tmp_path, read):
    out = tmp_path / "out"
    found = making.prepare("pascal_sentence", out, data_dir=pascal_sentence)
    assert (
        images(found) == {"train": 16, "val": 2, "test": 2}
        and found["splits"]["train"]["texts"] == 16 * 5
    )
    assert (found["classes"], found["single_label"]) == (["aeroplane", "cat"], True)
    assert [sorted(labels(read, out, split)) for split in ("train", "val", "test")] == [
        [0] * 8 + [1] * 8,
        [0, 1],
        [0, 1],
    ]
    assert [name.split("/")[0] for name in read(out, "val/images", "id")] == ["aeroplane", "cat"]
    assert read(out, "val/texts", "text")[0] == "Sentence 0 of a aeroplane."


def test_another_seed_splits_pascal_sentence_otherwise(pascal_sentence, tmp_path, read):
    for seed in (0, 1):
        making.prepare("pascal_sentence", tmp_path / str(seed), data_dir=pascal_sentence, seed=seed)
    first, other = (read(tmp_path / seed, "val/images", "id") for seed in "01")
    assert first != other


def test_flowers102_of_the_thesis(flowers102, tmp_path, read):
    found = making.prepare("flowers102", tmp_path / "out", data_dir=flowers102)
    assert images(found) == {"train": 4, "test": 4} and found["splits"]["test"]["texts"] == 40
    assert read(tmp_path / "out", "train/images", "id") == [
        f"image_{i:05d}.jpg" for i in (8, 1, 2, 3)
    ]
    assert labels(read, tmp_path / "out", "train") == [1, 0, 1, 0]
    assert found["classes"] == ["class_00001", "class_00002"]


def test_official_flowers102(flowers102, tmp_path, read):
    found = making.prepare("flowers102", tmp_path / "out", data_dir=flowers102, variant="official")
    assert images(found) == {"train": 2, "val": 2, "test": 4}
    assert read(tmp_path / "out", "val/images", "id") == ["image_00002.jpg", "image_00003.jpg"]
    with pytest.raises(UserError, match="--validation=1: --variant=official has a val"):
        making.prepare(
            "flowers102", tmp_path / "b", data_dir=flowers102, variant="official", validation=1
        )


def test_cub200(cub200, tmp_path, read):
    found = making.prepare("cub200", tmp_path / "out", data_dir=cub200)
    assert images(found) == {"train": 9, "test": 3} and found["splits"]["train"]["texts"] == 90
    assert found["classes"] == ["001.Albatross", "002.Auk", "003.Wren"]
    assert read(tmp_path / "out", "test/images", "id")[0] == "002.Auk/Bird_0004.jpg"
    assert labels(read, tmp_path / "out", "test") == [1, 2, 0]  # of birds 4, 8 and 12
    assert read(tmp_path / "out", "test/texts", "text")[10] == "bird 8, text 0"


@pytest.mark.parametrize(("name", "count", "left"), [("cub200", 3, 6), ("flowers102", 2, 2)])
def test_val_is_held_out_class_by_class(name, count, left, request, tmp_path, read):
    root = request.getfixturevalue(name)
    found = making.prepare(name, tmp_path / "out", data_dir=root, validation=count)
    assert images(found)["train"] == left and images(found)["val"] == count
    assert sorted(labels(read, tmp_path / "out", "val")) == list(range(count))
    with pytest.raises(UserError, match="--validation=100: there are"):
        making.prepare(name, tmp_path / "b", data_dir=root, validation=100)


def test_shares_of_classes_of_different_sizes():
    entries = [
        Captioned(str(i), b"", ("a",), (int(i >= 30),)) for i in range(40)
    ]  # thirty of one, ten of the other
    kept, drawn = labelled.hold_out(entries, 8, seed=3)
    assert sorted(entry.labels[0] for entry in drawn) == [0] * 6 + [1] * 2
    assert sorted(int(e.id) for e in kept + drawn) == list(range(40))


def test_training_reads_the_classes(cub200, tmp_path, config):
    making.prepare("cub200", tmp_path / "out", data_dir=cub200)
    making.add_features(tmp_path / "out", "image", "fake", 3)
    settings = {
        "image_encoder": "fake",
        "text_encoder": "word_pool",
        "max_words": 5,
        "min_word_count": 1,
        "vector_words": 0,
        "annotated_percent": 100.0,
        "sentences": 0,
        "labels": "set",
    }
    found = data.load_for(config("cub200", tmp_path / "out", **settings))
    assert found.classes == ("001.Albatross", "002.Auk", "003.Wren")
    assert found.split("test").targets().tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("name", "file", "sentence"),
    [
        (
            "pascal_sentence",
            "sentence/cat/2008_000004.txt",
            r"2008_000004.txt: must hold the captions of cat/2008_00000",
        ),
        ("pascal_sentence", "sentence", "sentence is missing there"),
        (
            "flowers102",
            "text_c10/class_00002/image_00004.txt",
            "image_00004.txt: must hold the captions",
        ),
        ("flowers102", "jpg/image_00005.jpg", "image_00005.jpg: image missing"),
        ("flowers102", "setid.mat", "setid.mat is missing there"),
        ("cub200", "text_c10/002.Auk/Bird_0001.txt", "Bird_0001.txt: must hold the captions"),
        ("cub200", "CUB_200_2011/classes.txt", "classes.txt is missing there"),
    ],
)
def test_what_is_missing_is_named(name, file, sentence, request, tmp_path):
    root = request.getfixturevalue(name)
    (root / file).rename(tmp_path / "gone")
    with pytest.raises(UserError, match=sentence):
        making.prepare(name, tmp_path / "out", data_dir=root)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("imagelabels.mat", "no matrix", r"imagelabels.mat: unreadable: not a .mat file"),
        ("setid.mat", "", r"setid.mat: unreadable: not a .mat file"),
        ("imagelabels.mat", {"labels": [[1, 0]]}, r"imagelabels.mat: does not hold the numbers"),
        ("imagelabels.mat", {"labels": [[1, 3]]}, r"imagelabels.mat: does not number 2 images"),
        ("setid.mat", {"trnid": [[9]]}, r"setid.mat: names image 9 of 8"),
        ("setid.mat", {"trnid": [[1]]}, r"setid.mat: does not hold the numbers valid"),
    ],
)
def test_faulty_matrices_of_flowers102(flowers102, tmp_path, file, content, sentence):
    if isinstance(content, dict):
        scipy.io.savemat(flowers102 / file, content)
    else:
        (flowers102 / file).write_text(content)
    with pytest.raises(UserError, match=sentence):
        making.prepare("flowers102", tmp_path / "out", data_dir=flowers102)


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        (
            "images.txt",
            "3 001",
            "3001",
            "images.txt, line 3: must be a number of its own and a word",
        ),
        ("images.txt", "3 001", "2 001", "images.txt, line 3: must be a number of its own"),
        ("image_class_labels.txt", "5 3", "5 7", "image 5 of images.txt has no class"),
        ("train_test_split.txt", "5 1", "5 2", "image 5 of images.txt has no class or no 0 or 1"),
    ],
)
def test_faulty_lists_of_cub200(cub200, tmp_path, file, old, new, sentence):
    path = cub200 / "CUB_200_2011" / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=sentence):
        making.prepare("cub200", tmp_path / "out", data_dir=cub200)


def test_pascal_sentence_without_classes(tmp_path):
    for name in ("dataset", "sentence"):
        (tmp_path / "in" / name).mkdir(parents=True)
    with pytest.raises(UserError, match="must hold a folder of images for each class"):
        making.prepare("pascal_sentence", tmp_path / "out", data_dir=tmp_path / "in")


def test_images_of_flowers_and_birds_need_no_captions(flowers102, cub200, tmp_path, read):
    for root in (flowers102, cub200):
        shutil.rmtree(root / "text_c10")
    found = making.prepare("flowers102_pictures", tmp_path / "a", data_dir=flowers102)
    assert found["kind"] == "classification" and found["splits"] == {
        "train": {"examples": 4},
        "test": {"examples": 4},
    }
    assert read(tmp_path / "a", "train/examples", "label") == [
        1,
        0,
        1,
        0,
    ]  # of flowers 8, 1, 2 and 3
    found = making.prepare("cub200_pictures", tmp_path / "b", data_dir=cub200)
    assert found["splits"] == {"train": {"examples": 9}, "test": {"examples": 3}}
    assert read(tmp_path / "b", "test/examples", "label") == [1, 2, 0]
