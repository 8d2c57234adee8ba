import csv
import json

import pytest

from tests.data import making
from tfvse import data
from tfvse.errors import UserError


@pytest.fixture
def own(tmp_path):
    """Twelve tweets with an image each; four further ones show a copy of the first image."""
    root = tmp_path / "own"
    root.mkdir()
    rows = [
        {"id": str(i), "text": f"My #BigCat no {i} @you 😀", "picture": f"{i}.jpg"}
        for i in range(12)
    ]
    rows += [
        {"id": str(i), "text": f"RT @me: My #BigCat no {i}", "picture": f"{i}.jpg"}
        for i in range(12, 16)
    ]
    for i, row in enumerate(rows):
        (root / row["picture"]).write_bytes(making.jpeg(i if i < 12 else 0))
    write(root, rows)
    return root


def write(root, rows):
    (root / "tweets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_rows(root):
    return [json.loads(line) for line in (root / "tweets.jsonl").read_text().splitlines()]


def prepare(own, tmp_path, **flags):
    return making.prepare("tweets", tmp_path / "out", data_dir=own, **flags)


def test_words_are_those_of_tweets(own, tmp_path, read):
    found = prepare(own, tmp_path)
    assert (
        found["tokenizer"] == "tweets"
        and sum(count["images"] for count in found["splits"].values()) == 16
    )
    assert read(tmp_path / "out", "train/texts", "text")[0].startswith(("My #BigCat no", "RT @me:"))
    words = [
        line.split("\t")[0]
        for line in (tmp_path / "out" / "vocabulary.txt").read_text().splitlines()
    ]
    assert {"big", "cat", "usermention", "😀"} <= set(words) and not {"rt", "bigcat", "me"} & set(
        words
    )


def test_training_reads_them_by_the_same_rule(own, tmp_path, config):
    prepare(own, tmp_path)
    making.add_features(tmp_path / "out", "image", "fake", 3)
    settings = {
        "image_encoder": "fake",
        "text_encoder": "word_pool",
        "max_words": 12,
        "min_word_count": 1,
        "vector_words": 0,
        "annotated_percent": 100.0,
        "sentences": 0,
        "labels": "words",
        "label_words": 3,
    }
    found = data.load_for(config("tweets", tmp_path / "out", **settings))
    assert 1 not in found.split("train").text_inputs()  # no unknown word
    assert set(found.classes[:2]) == {"big", "cat"} and "usermention" not in found.classes
    assert (found.split("train").targets()[:, found.classes.index("cat")] == 1).all()


def test_the_same_image_stays_in_one_split(own, tmp_path, read):
    prepare(own, tmp_path, held_out=0.3)
    copies = {"0.jpg", *(f"{i}.jpg" for i in range(12, 16))}
    shares = [
        len(copies & set(read(tmp_path / "out", f"{split}/images", "id")))
        for split in ("train", "val", "test")
    ]
    assert sorted(shares) == [0, 0, 5]


def test_csv_gives_the_same(own, tmp_path, read):
    prepare(own, tmp_path)
    first = read(tmp_path / "out", "train/texts", "text")
    with open(own / "tweets.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("id", "text", "picture"))
        writer.writeheader()
        writer.writerows(read_rows(own))
    (own / "tweets.jsonl").unlink()
    prepare(own, tmp_path, overwrite=True)
    assert read(tmp_path / "out", "train/texts", "text") == first


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"picture": ""}, r"tweets.jsonl, line 6: there is no image \(empty\)"),
        ({"text": " "}, "line 6: the tweet of 5.jpg is empty"),
        ({"picture": "gone.jpg"}, "line 6: there is no image gone.jpg"),
    ],
)
def test_a_tweet_that_lacks_something_is_told_or_left_out(own, tmp_path, change, sentence):
    rows = read_rows(own)
    rows[5] |= change
    write(own, rows)
    with pytest.raises(UserError, match=sentence):
        prepare(own, tmp_path)
    found = prepare(own, tmp_path, skip_bad=True)
    assert sum(count["images"] for count in found["splits"].values()) == 15


def test_a_line_of_another_form_is_told(own, tmp_path):
    write(own, [{"id": "1", "body": "hello", "picture": "0.jpg"}])
    with pytest.raises(
        UserError, match=r'line 1: has no text "text"; write {"picture": "...", "text": "..."}'
    ):
        prepare(own, tmp_path)


def test_the_layout_is_shown(tmp_path, capsys):
    with pytest.raises(UserError, match="tweets.csv is missing there"):
        prepare(tmp_path / "in", tmp_path)
    assert "tweets.jsonl" in capsys.readouterr().err
