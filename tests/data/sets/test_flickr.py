import json

import pytest

from tests.data import making
from tfvse.errors import UserError

CAPTIONS = [
    "a.jpg#0\tA dog .",
    "a.jpg#1\tA brown dog runs .",
    "b.jpg#0\tTwo men .",
    "c.jpg#0\tA boat",
    "c.jpg#1\tSea",
]


@pytest.fixture
def flickr8k(tmp_path):
    """Three images with different numbers of captions; there is no test list."""
    root = tmp_path / "flickr8k"
    (root / "Flicker8k_Dataset").mkdir(parents=True)
    (root / "Flickr8k_text").mkdir()
    for i, name in enumerate("abc"):
        (root / "Flicker8k_Dataset" / f"{name}.jpg").write_bytes(making.jpeg(i))
    (root / "Flickr8k_text" / "Flickr8k.token.txt").write_text("\n".join(CAPTIONS) + "\n")
    (root / "Flickr8k_text" / "Flickr_8k.trainImages.txt").write_text("a.jpg\nc.jpg\n")
    (root / "Flickr8k_text" / "Flickr_8k.devImages.txt").write_text("b.jpg\n")
    return root


def test_official_layout(flickr8k, tmp_path, read):
    out = tmp_path / "out"
    found = making.prepare("flickr8k", out, data_dir=flickr8k)
    assert found["splits"] == {"train": {"images": 2, "texts": 4}, "val": {"images": 1, "texts": 1}}
    assert read(out, "train/texts", "text") == ["A dog .", "A brown dog runs .", "A boat", "Sea"]
    assert (
        read(out, "train/images", "picture")[0]
        == (flickr8k / "Flicker8k_Dataset" / "a.jpg").read_bytes()
    )
    words = [line.split("\t")[0] for line in (out / "vocabulary.txt").read_text().splitlines()]
    assert "boat" in words and "men" not in words


def change(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def test_a_truncated_image_is_named(flickr8k, tmp_path):
    path = flickr8k / "Flicker8k_Dataset" / "c.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"c\.jpg: image unreadable: damaged or cut off"):
        making.prepare("flickr8k", tmp_path / "out", data_dir=flickr8k)
    assert not (tmp_path / "out").exists()
    found = making.prepare("flickr8k", tmp_path / "out", data_dir=flickr8k, skip_bad=True)
    assert found["splits"]["train"]["images"] == 1 and len(found["left_out"]) == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        (
            "Flickr8k.token.txt",
            "b.jpg#0\t",
            "b.jpg#0 ",
            r"token.txt, line 3: must be name.jpg#0<TAB>caption",
        ),
        ("Flickr8k.token.txt", "b.jpg#0", "x.jpg#0", "b.jpg: has no caption"),
        ("Flickr_8k.devImages.txt", "b.jpg", "d.jpg", "d.jpg: image missing"),
        ("Flickr_8k.devImages.txt", "b.jpg", "b.jpg\nb.jpg", "b.jpg is listed 2 times"),
        ("Flickr_8k.devImages.txt", "b.jpg", "a.jpg", "a.jpg: is in train and in val"),
    ],
)
def test_faults_are_named(flickr8k, tmp_path, file, old, new, sentence):
    change(flickr8k / "Flickr8k_text" / file, old, new)
    with pytest.raises(UserError, match=sentence):
        making.prepare("flickr8k", tmp_path / "out", data_dir=flickr8k)


def test_the_layout_is_shown(tmp_path, capsys):
    with pytest.raises(UserError, match="Flicker8k_Dataset is missing there"):
        making.prepare("flickr8k", tmp_path / "out", data_dir=tmp_path / "in")
    assert "Flickr8k.token.txt" in capsys.readouterr().err


def karpathy(names_and_splits):
    images = [
        {
            "filename": name,
            "split": split,
            "sentences": [{"raw": f"caption {i}"} for i in range(number)],
        }
        for name, split, number in names_and_splits
    ]
    return json.dumps({"images": images})


@pytest.fixture
def flickr30k(tmp_path):
    root = tmp_path / "flickr30k"
    (root / "flickr30k-images").mkdir(parents=True)
    for i in range(3):
        (root / "flickr30k-images" / f"{i}.jpg").write_bytes(making.jpeg(i))
    entries = [("0.jpg", "train", 5), ("1.jpg", "val", 2), ("2.jpg", "test", 6)]
    (root / "dataset_flickr30k.json").write_text(karpathy(entries))
    return root


def test_karpathy_split_file(flickr30k, tmp_path, read):
    found = making.prepare("flickr30k", tmp_path / "out", data_dir=flickr30k)
    assert {split: counts["texts"] for split, counts in found["splits"].items()} == {
        "train": 5,
        "val": 2,
        "test": 6,
    }
    assert read(tmp_path / "out", "test/images", "id") == ["2.jpg"]


@pytest.mark.parametrize("content", ["{", '{"images": [{"split": "train"}]}', "[]"])
def test_another_file_is_refused(flickr30k, tmp_path, content):
    (flickr30k / "dataset_flickr30k.json").write_text(content)
    with pytest.raises(UserError, match="not a Karpathy split file"):
        making.prepare("flickr30k", tmp_path / "out", data_dir=flickr30k)
