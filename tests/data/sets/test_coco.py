import json
import types

import pytest

from tests.data import making
from tfvse.data.sets import coco
from tfvse.errors import UserError

SPLITS = ["train", "train", "restval", "val", "test", "test"]


@pytest.fixture
def root(tmp_path):
    """Six images: two of train2014, four of val2014; both kinds of annotation."""
    root = tmp_path / "coco"
    entries, images, captions = (
        [],
        {"train2014": [], "val2014": []},
        {"train2014": [], "val2014": []},
    )
    for i, split in enumerate(SPLITS):
        part = "train2014" if split == "train" else "val2014"
        name = f"COCO_{part}_{i:012d}.jpg"
        (root / part).mkdir(parents=True, exist_ok=True)
        (root / part / name).write_bytes(making.jpeg(i))
        sentences = [{"raw": f"caption {i} {j}"} for j in range(4 + i)]
        entries.append({"filepath": part, "filename": name, "split": split, "sentences": sentences})
        images[part].insert(0, {"id": i, "file_name": name})
        captions[part] += [
            {"id": 10 * i + j, "image_id": i, "caption": s["raw"]} for j, s in enumerate(sentences)
        ]
    (root / "dataset_coco.json").write_text(json.dumps({"images": entries}))
    (root / "annotations").mkdir()
    for part in images:
        content = {"images": images[part], "annotations": captions[part]}
        (root / "annotations" / f"captions_{part}.json").write_text(json.dumps(content))
    return root


def counts(found):
    return {split: (count["images"], count["texts"]) for split, count in found["splits"].items()}


def test_karpathy_keeps_restval_out(root, tmp_path):
    found = making.prepare("coco", tmp_path / "out", data_dir=root)
    assert counts(found) == {"train": (2, 4 + 5), "val": (1, 7), "test": (2, 8 + 9)}
    assert found["source"].endswith("karpathy")


def test_karpathy_restval_trains_on_it(root, tmp_path):
    found = making.prepare("coco", tmp_path / "out", data_dir=root, variant="karpathy_restval")
    assert counts(found)["train"] == (3, 4 + 5 + 6)


def test_the_official_annotations_alone(root, tmp_path, monkeypatch, read):
    monkeypatch.setattr(coco, "HELD_OUT", 2)
    found = making.prepare("coco", tmp_path / "out", data_dir=root, variant="first_5000")
    assert counts(found) == {"train": (2, 9), "val": (2, 6 + 7), "test": (2, 8 + 9)}
    assert read(tmp_path / "out", "val/images", "id") == [
        f"COCO_val2014_{i:012d}.jpg" for i in (2, 3)
    ]
    assert read(tmp_path / "out", "val/texts", "text")[:2] == ["caption 2 0", "caption 2 1"]


def add_instances(root):
    """Three categories, numbered with gaps as COCO's.

    Image i shows category i + 1 twice, image 5 also `cup`.
    """
    categories = [
        {"id": number, "name": name} for number, name in ((90, "cup"), (1, "person"), (4, "dog"))
    ]
    shown = [(0, 1), (0, 1), (1, 4), (3, 90), (5, 90), (5, 4)]
    for part, images in (("train2014", (0, 1)), ("val2014", (2, 3, 4, 5))):
        annotations = []
        for n, (i, category) in enumerate(shown):
            if i in images:
                annotations.append(
                    {
                        "segmentation": [[1.5, 2]],
                        "image_id": i,
                        "bbox": [0, 0, 1, 1],
                        "category_id": category,
                        "id": n,
                    }
                )
        images = [{"id": i, "file_name": f"COCO_{part}_{i:012d}.jpg"} for i in images]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))


@pytest.mark.parametrize("variant", ["karpathy", "first_5000"])
def test_instances_give_labels(root, tmp_path, read, monkeypatch, variant):
    monkeypatch.setattr(coco, "HELD_OUT", 2)
    add_instances(root)
    found = making.prepare("coco", tmp_path / "out", data_dir=root, variant=variant)
    assert (found["classes"], found["single_label"]) == (["person", "dog", "cup"], False)
    labels = {}
    for split in ("train", "val", "test"):
        names, shown = (
            read(tmp_path / "out", f"{split}/images", field) for field in ("id", "labels")
        )
        labels |= dict(zip(names, shown, strict=True))
    assert labels["COCO_train2014_000000000000.jpg"] == [1, 0, 0]
    assert labels["COCO_val2014_000000000003.jpg"] == [0, 0, 1]
    assert labels["COCO_val2014_000000000004.jpg"] == [0, 0, 0]
    assert labels["COCO_val2014_000000000005.jpg"] == [0, 1, 1]


def test_without_instances_there_are_no_labels(root, tmp_path):
    assert "classes" not in making.prepare("coco", tmp_path / "out", data_dir=root)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "instances_val2014.json: is missing"),
        ('{"images": []}', "instances_val2014.json: not a COCO instance file"),
    ],
)
def test_half_the_instances_are_refused(root, tmp_path, content, sentence):
    add_instances(root)
    path = root / "annotations" / "instances_val2014.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=sentence):
        making.prepare("coco", tmp_path / "out", data_dir=root)


def test_a_caption_of_no_image_is_named(root, tmp_path):
    path = root / "annotations" / "captions_train2014.json"
    content = json.loads(path.read_text())
    content["annotations"].append({"id": 99, "image_id": 77, "caption": "lost"})
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="image_id 77 is not in its list"):
        making.prepare("coco", tmp_path / "out", data_dir=root, variant="first_5000")


@pytest.mark.parametrize("content", ["{}", "nothing", '{"images": [], "annotations": [{"id": 1}]}'])
def test_another_file_is_refused(root, tmp_path, content):
    (root / "annotations" / "captions_val2014.json").write_text(content)
    with pytest.raises(UserError, match="not a COCO caption file"):
        making.prepare("coco", tmp_path / "out", data_dir=root, variant="first_5000")


def test_unknown_variants_are_refused(root, tmp_path):
    with pytest.raises(UserError, match="--variant=1k: must be one of karpathy"):
        making.prepare("coco", tmp_path / "out", data_dir=root, variant="1k")


def test_tensorflow_datasets(tmp_path, monkeypatch):
    def load_tfds(name, splits, skip_decoding):
        assert (name, splits["train"], skip_decoding) == (
            "coco_captions",
            "train+restval",
            ("image",),
        )
        return None, {split: examples(i) for i, split in enumerate(splits)}

    def examples(seed):
        texts = [b"one", b"two"]
        example = {
            "image": making.jpeg(seed),
            "image/filename": b"%d.jpg" % seed,
            "captions": {"text": texts},
        }
        return types.SimpleNamespace(as_numpy_iterator=lambda: iter([example]))

    monkeypatch.setattr(coco, "load_tfds", load_tfds)
    found = making.prepare("coco_captions", tmp_path / "out", variant="karpathy_restval")
    assert counts(found) == {"train": (1, 2), "val": (1, 2), "test": (1, 2)}
