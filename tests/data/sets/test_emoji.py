import re

import pytest

from tests.data import making
from tfvse.data.formats import images
from tfvse.data.sets import emoji
from tfvse.errors import UserError


def test_texts_by_hand():
    words = [
        "dog_face",
        "animal",
        "friend",
        "nature",
        "woof",
        "puppy",
        "pet",
        ":d",
        "dog face",
        "bark",
        "tail",
        "fur",
    ]
    # Nine keywords make texts of five and four. The emoji package knows "dog" as another name; the
    # name comes again.
    assert emoji.texts("🐶", words) == (
        "dog face",
        "dog animal friend nature woof puppy",
        "dog face pet bark tail fur",
    )


def test_a_single_keyword_makes_no_text():
    assert emoji.texts("🤍", ["white_heart", "pure"]) == ("white heart",)


@pytest.mark.parametrize(
    ("word", "cleaned"),
    [
        ("Blue_Square", "blue square"),
        ("fountain\xa0pen", "fountain pen"),
        ("piñata", "pinata"),
        ("x-ray", "x ray"),
        (":thumbs_up:", "thumbs up"),
        ("o’clock", "oclock"),
        ("✒ pen", "pen"),
        (":d", ""),
        ("^^", ""),
        ("u5272", ""),
        ("star2", ""),
        ("20:00", ""),
        ("3rd_place_medal", "3rd place medal"),
    ],
)
def test_cleaning(word, cleaned):
    assert emoji.clean(word) == cleaned


@pytest.mark.parametrize(
    "variants",
    [
        "🧑‍🚀 👨‍🚀 👩‍🚀",
        "🏃 🏃‍♂️ 🏃‍♀️ 🏃‍➡️ 🏃‍♀️‍➡️",
        "👪 👨‍👩‍👦 👩‍👩‍👧‍👦 👨‍👧 🧑‍🧒",
        "🤴 👸 🫅",
        "👫 👬 👭",
        "💏 👩‍❤️‍💋‍👨",
        "🧔 🧔‍♂️ 👨 👩",
        "❤ ❤️",
    ],
)
def test_variants_are_one_group(variants):
    assert len({emoji.group(variant) for variant in variants.split()}) == 1


def test_different_emoji_are_different_groups():
    assert len({emoji.group(e) for e in "🐶 🐱 🧑‍🚀 🧑‍🍳 ❤ 💔 ♀ ♂ ➡️ 🏃 🚶".split()}) == 11


def test_all_words_are_plain_and_helpful():
    for name, words in emoji._words().items():
        found = emoji.texts(name, words)
        assert len(set(found)) == len(found) > 0
        for text in found:
            assert re.fullmatch(r"[a-z0-9]+( [a-z0-9]+)*", text), (name, text)


def test_a_drawing_is_a_plain_png():
    image = emoji.draw("🐶")
    assert images.verify(image) == image
    assert image != emoji.draw("🐱")


@pytest.fixture
def few(monkeypatch):
    """A part of the emoji, and small held-out splits."""
    words = emoji._words()
    kept = [
        e
        for e in words
        if emoji.group(e) in {emoji.group(v) for v in "🐶🐱🍎🚗🏃🧑🤴⏰🎹🎲🏠☂🌙⭐🔥💧🦁🐸🍕🚲"}
    ]
    monkeypatch.setattr(
        emoji, "_words", lambda: {e: words[e] for e in [*kept, "👨‍🚀", "👩‍🚀", "🧑‍🚀"]}
    )
    monkeypatch.setattr(emoji, "HELD_OUT", 6)


def test_preparation(few, tmp_path, read, capsys):
    found = making.prepare("emoji", tmp_path / "out")
    assert "CC BY-SA 4.0" in found["licence"] and "CC BY-SA 4.0" in capsys.readouterr().out
    assert found["splits"]["val"]["images"] >= 6 and found["splits"]["test"]["images"] >= 6
    groups = []
    for split in ("train", "val", "test"):
        names = read(tmp_path / "out", f"{split}/images", "id")
        groups.append(
            {emoji.group("".join(chr(int(code, 16)) for code in name.split("-"))) for name in names}
        )
    assert not (groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2])


def test_the_split_is_the_same_each_time(few, tmp_path):
    parts = [making.prepare("emoji", tmp_path / name)["parts"] for name in ("one", "two")]
    assert parts[0] == parts[1]


def test_emoji_drawn_alike_are_one_image():
    words = {"🅰️": ["a", "x", "y"], "🅱️": ["b", "x", "z"]}
    splits = emoji._split(
        dict.fromkeys(words, b"same"), {e: [f"{w[0]} button", *w[1:]] for e, w in words.items()}, 0
    )
    (only,) = sum(splits.values(), [])
    assert {"a button", "b button"} <= set(only.texts)


def test_a_missing_package_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(emoji._PACKAGES, "no_such_module", "no-such-package")
    with pytest.raises(UserError, match=r'no no-such-package\); run pip install "\.\[emoji\]"'):
        making.prepare("emoji", tmp_path / "out")
