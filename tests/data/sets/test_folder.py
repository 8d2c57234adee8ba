import json
import os

import pytest

from tests.data import making
from tfvse.data.sets import listings
from tfvse.data.verification import Findings
from tfvse.errors import UserError


@pytest.fixture
def own(tmp_path):
    """Twelve images, one of them in a subfolder, with one to three captions each."""
    root = tmp_path / "own"
    (root / "more").mkdir(parents=True)
    lines = ["file,caption"]
    for i in range(12):
        name = f"more/{i}.jpg" if i == 3 else f"{i}.jpg"
        (root / name).write_bytes(making.jpeg(i))
        lines += [f'{name},"image {i}, caption {j}"' for j in range(1 + i % 3)]
    (root / "captions.csv").write_text("\n".join(lines) + "\n")
    return root


def prepare(own, tmp_path, **flags):
    return making.prepare("folder", tmp_path / "out", data_dir=own, **flags)


def ids(read, tmp_path, split):
    return read(tmp_path / "out", f"{split}/images", "id")


def test_csv(own, tmp_path, read):
    found = prepare(own, tmp_path, held_out=0.25)
    assert {split: count["images"] for split, count in found["splits"].items()} == {
        "train": 6,
        "val": 3,
        "test": 3,
    }
    everything = sum((ids(read, tmp_path, split) for split in ("train", "val", "test")), [])
    assert sorted(everything) == sorted([*(f"{i}.jpg" for i in range(12) if i != 3), "more/3.jpg"])
    assert sum(count["texts"] for count in found["splits"].values()) == 4 * (1 + 2 + 3)


def test_json_lines_give_the_same(own, tmp_path, read):
    prepare(own, tmp_path)
    first = ids(read, tmp_path, "train"), read(tmp_path / "out", "val/texts", "text")
    listed = listings.read(own / "captions.csv", ("file", "caption"), Findings())
    rows = [{"file": file, "caption": caption} for _, file, caption in listed]
    (own / "captions.csv").unlink()
    (own / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    prepare(own, tmp_path, overwrite=True)
    assert (ids(read, tmp_path, "train"), read(tmp_path / "out", "val/texts", "text")) == first


def test_the_split_follows_the_seed(own, tmp_path, read):
    prepare(own, tmp_path, held_out=0.3)
    first = ids(read, tmp_path, "train")
    prepare(own, tmp_path, held_out=0.3, seed=1, overwrite=True)
    assert ids(read, tmp_path, "train") != first


def test_without_held_out_images_all_are_for_training(own, tmp_path):
    assert set(prepare(own, tmp_path, held_out=0.0)["splits"]) == {"train"}


def test_the_same_bytes_stay_in_one_split(own, tmp_path, read):
    for i in range(6):
        (own / f"{i}b.jpg").write_bytes((own / "0.jpg").read_bytes())
        with open(own / "captions.csv", "a") as file:
            file.write(f"{i}b.jpg,again\n")
    prepare(own, tmp_path, held_out=0.3)
    copies = {"0.jpg", *(f"{i}b.jpg" for i in range(6))}
    assert sorted(
        len(copies & set(ids(read, tmp_path, split))) for split in ("train", "val", "test")
    )[:2] == [0, 0]


def replace(own, old, new):
    path = own / "captions.csv"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("file,caption", "file,text", r"captions.csv: has no column caption, only file, text"),
        ("5.jpg,", "x.jpg,", r"line 11: there is no image x.jpg"),
        ('"image 3, caption 0"', '" "', r"line 8: the caption of more/3.jpg is empty"),
        ("1.jpg,", "./0.jpg,", r"0.jpg"),
        ("5.jpg,", "../own/5.jpg,", "is not inside"),
        ("caption 1", "caption 0", r"line 4: says the same of 1.jpg as line 3"),
        ("0.jpg,", "", "there is no image image 0"),
        (
            '"image 0, caption 0"',
            "a dog, a cat, and a bird",
            'line 2: .*see .* a cat.*"in quotes"',
        ),
        ("file,caption", "file,caption,caption", "has two columns caption; take one of them out"),
        ("file,caption", "file,caption,file", "has two columns file"),
        ('"image 0, caption 0"', '"image 0', "not a CSV file"),
        (
            '"image 0, caption 0"',
            '"image 0\n1.jpg,a cat"',
            "goes on over 1.jpg; close its quote",
        ),
        ('"image 0, caption 0"', "image\0", "line 2 holds a null byte"),
        ("file,caption", "file,caption,,\n0.jpg,a dog, a cat,", "line 2: has more cells .* a cat"),
    ],
)
def test_faults_name_the_line(own, tmp_path, old, new, sentence):
    replace(own, old, new)
    with pytest.raises(UserError, match=sentence):
        prepare(own, tmp_path)


def test_an_image_without_caption_is_named(own, tmp_path):
    (own / "extra.png").write_bytes(making.jpeg())
    with pytest.raises(UserError, match=r"extra.png: has no line in captions.csv"):
        prepare(own, tmp_path)
    found = prepare(own, tmp_path, skip_bad=True)
    assert found["left_out"] == [f"{own / 'extra.png'}: has no line in captions.csv"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 2: not JSON"),
        ('{"file": "a.jpg"}', 'line 2: has no text "caption"'),
        ("3", 'has no text "file"'),
    ],
)
def test_faulty_json_lines_are_named(own, tmp_path, line, sentence):
    (own / "captions.csv").unlink()
    (own / "captions.jsonl").write_text('{"file": "0.jpg", "caption": "fine"}\n' + line)
    with pytest.raises(UserError, match=sentence):
        prepare(own, tmp_path)


def test_an_empty_folder_shows_the_layout(tmp_path, capsys):
    with pytest.raises(UserError, match="captions.csv is missing there"):
        prepare(tmp_path / "in", tmp_path)
    assert "file,caption" in capsys.readouterr().err


def test_two_lists_are_too_many(own, tmp_path):
    (own / "captions.jsonl").touch()
    with pytest.raises(UserError, match="keep one of them"):
        prepare(own, tmp_path)


@pytest.mark.parametrize("content", [b"", b"file,caption\n", b"\xff\xfe\x00file"])
def test_a_list_without_captions_is_told(own, tmp_path, content):
    for path in own.rglob("*.jpg"):
        path.unlink()
    (own / "captions.csv").write_bytes(content)
    with pytest.raises(UserError, match="captions.csv"):
        prepare(own, tmp_path)


def test_too_few_images_for_the_held_out_part(own, tmp_path):
    for path in own.rglob("*.jpg"):
        path.unlink()
    (own / "a.jpg").write_bytes(making.jpeg())
    (own / "captions.csv").write_text("file,caption\na.jpg,one\n")
    with pytest.raises(UserError, match="--held_out=0.1: leaves none of 1"):
        prepare(own, tmp_path)


def test_blank_lines_spare_columns_and_line_breaks_in_captions_are_fine(own, tmp_path):
    replace(own, "file,caption", "file,caption,author,")
    replace(own, '"image 0, caption 0"', '"a dog\nin snow",me,\n\n   \n,,,')
    found = prepare(own, tmp_path)
    assert sum(count["texts"] for count in found["splits"].values()) == 24


def test_lines_of_too_many_cells_can_be_left_out(own, tmp_path):
    replace(own, '"image 3, caption 0"', "a dog, a cat")
    found = prepare(own, tmp_path, skip_bad=True)
    assert found["left_out"][0].endswith('put a text with commas "in quotes"')


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"file": "1.jpg", "caption": "a", "caption": "b"}', "not JSON .*'caption'.*twice"),
        ("[" * 2000 + "]" * 2000, "line 2: not JSON .nested too deeply"),
        ('{"file": "1.jpg", "caption": "a", "n": ' + "1" * 5000 + "}", "line 2: not JSON"),
        ('{"file": "1.jpg", "caption": "\\ud800"}', "holds a character that no text has"),
        ('{"file": "1.jpg", "caption": "a\\u0000"}', "holds a character that no text has"),
        ('{"file": "\\ud800.jpg", "caption": "a"}', "there is no image"),
        ('{"file": "' + "n" * 300 + '", "caption": "a"}', "there is no image"),
        ("a\0", "line 2 holds a null byte"),
    ],
)
def test_damaged_json_lines_are_told(own, tmp_path, line, sentence):
    (own / "captions.csv").unlink()
    good = [json.dumps({"file": f"{i}.jpg", "caption": "fine"}) for i in (0, 5, 6, 7)]
    (own / "captions.jsonl").write_text("\n".join([good[0], line, *good[1:]]))
    with pytest.raises(UserError, match=sentence):
        prepare(own, tmp_path)


def test_a_caption_may_hold_any_line_separator_of_unicode(own, tmp_path, read):
    rows = [{"file": f"{i}.jpg", "caption": f"one\u2028two {i}"} for i in range(12) if i != 3]
    (own / "more" / "3.jpg").unlink()
    (own / "captions.csv").unlink()
    lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (own / "captions.jsonl").write_text(lines, newline="")
    assert prepare(own, tmp_path, held_out=0.0)["splits"]["train"]["texts"] == 11
    assert "one two 5" in read(tmp_path / "out", "train/texts", "text")


def test_names_that_are_not_utf8_are_told_or_left_out(own, tmp_path):
    (own / os.fsdecode(b"\xff.jpg")).write_bytes(making.jpeg())
    with pytest.raises(UserError, match="udcff.jpg: has no line"):
        prepare(own, tmp_path)
    assert len(prepare(own, tmp_path, skip_bad=True)["left_out"]) == 1


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_list_that_is_no_file_is_told(own, tmp_path, make):
    (own / "captions.csv").unlink()
    make(own / "captions.csv")
    with pytest.raises(UserError, match="captions.csv: unreadable: not a regular file"):
        prepare(own, tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_an_image_that_is_no_file_is_told(own, tmp_path, make):
    (own / "0.jpg").unlink()
    make(own / "0.jpg")
    with pytest.raises(UserError, match="there is no image 0.jpg"):
        prepare(own, tmp_path)
