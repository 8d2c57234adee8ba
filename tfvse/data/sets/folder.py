"""A person's own images: a folder with a CSV or JSON-lines file of captions."""

import collections
import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from tfvse import reading
from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.data.sets import listings
from tfvse.data.sets.options import FileOptions, HeldOutOptions
from tfvse.data.sets.splits import by_group
from tfvse.errors import UserError

LAYOUT = """
Your own images are expected like this:
  <data_dir>/captions.csv      UTF-8, first line file,caption; one caption a line, any number per
                               image
  <data_dir>/dog.jpg           every image (JPEG, PNG, WebP, ...), in subfolders where you like
or, instead of the CSV file, <data_dir>/captions.jsonl with lines
  {"file": "dog.jpg", "caption": "a dog in the snow"}.
A part of the images, --held_out=0.1, is drawn for val and as many for test.
"""


@dataclasses.dataclass(frozen=True)
class Options(HeldOutOptions, FileOptions):
    """Options of folder; the seed draws the splits."""


@dataclasses.dataclass(frozen=True)
class Listing:
    """How a folder lists its images and texts.

    Attributes:
      name: of the list, without .csv or .jsonl.
      columns: what a line calls the image and the text.
      text: what a text is called in messages.
      layout: shown where the list is missing.
      tokenizer: how the texts are split into words, a name in
        `tfvse.preprocessing.text.TOKENIZERS`.
    """

    name: str
    columns: tuple[str, str]
    text: str
    layout: str
    tokenizer: str = "words"


CAPTIONS = Listing("captions", ("file", "caption"), "caption", LAYOUT)


def prepare(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes splits that are drawn by image; images with the same bytes stay in one split."""
    return prepare_listing(options, folder, CAPTIONS)


def prepare_listing(
    options: Any,
    folder: pathlib.Path,
    listing: Listing,
) -> dict[str, Any]:
    """Like `prepare`, of a folder that has a `Listing`."""
    root = verification.require(options.data_dir, (), listing.layout)
    path = _listed(root, listing)
    findings = verification.Findings(options.skip_bad)
    rows = listings.read(path, listing.columns, findings)
    texts = _by_image(root, path, rows, listing.text, findings)
    _find_unlisted(root, path, texts, listing.text, findings)

    entries = [Captioned(name, root / name, tuple(found)) for name, found in texts.items()]
    if not entries:
        findings.settle()
        raise UserError(
            f"{path}: has no {listing.text} of an image that is there; list them by their file "
            "names"
        )
    splits = _split(entries, options)
    written = captioned.write(folder, splits, findings, tokenizer=listing.tokenizer)
    return {"source": f"own folder, {path.name}", **written}


def _listed(
    root: pathlib.Path,
    listing: Listing,
) -> pathlib.Path:
    """The list of a folder; UserError when there is none, or two."""
    names = [f"{listing.name}.csv", f"{listing.name}.jsonl"]
    found = [root / name for name in names if (root / name).exists()]
    if len(found) > 1:
        raise UserError(f"--data_dir={root}: has {names[0]} and {names[1]}; keep one of them")
    if not found:
        verification.require(root, names[:1], listing.layout)
    return found[0]


def _find_unlisted(
    root: pathlib.Path,
    path: pathlib.Path,
    texts: dict[str, list[str]],
    what: str,
    findings: verification.Findings,
) -> None:
    """Adds a finding for every image of the folder that the list at `path` does not name."""
    for image in sorted(root.rglob("*")):
        if image.suffix.lower() not in images.EXTENSIONS or image.name[0] == ".":
            continue
        if image.relative_to(root).as_posix() not in texts:
            findings.add(f"image without {what}", f"{image}: has no line in {path.name}")


def _by_image(
    root: pathlib.Path,
    path: pathlib.Path,
    rows: Iterable[listings.Row],
    what: str,
    findings: verification.Findings,
) -> dict[str, list[str]]:
    """Sorts the texts by image; what cannot be used becomes a finding.

    Args:
      root: the folder.
      path: its list.
      rows: the lines of the list.
      what: what a text is called.
      findings: where problems go.

    Returns:
      File relative to `root` → its texts.
    """
    texts: dict[str, list[str]] = collections.defaultdict(list)
    first_line: dict[tuple[str, str], int] = {}
    for line, file, text in rows:
        name = pathlib.PurePosixPath(file.strip()).as_posix()
        cleaned = " ".join(text.split())
        problem = _unusable(root, name, text, what)
        if problem is None and (name, cleaned) in first_line:
            before = first_line[name, cleaned]
            problem = (f"duplicate {what}", f"says the same of {name} as line {before}")
        if problem is not None:
            kind, fault = problem
            findings.add(kind, f"{path}, line {line}: {fault}")
        else:
            first_line[name, cleaned] = line
            texts[name].append(cleaned)
    return texts


def _unusable(
    root: pathlib.Path,
    name: str,
    text: str,
    what: str,
) -> tuple[str, str] | None:
    """(kind of finding, what is wrong with a line), or None."""
    if name.startswith("/") or ".." in name.split("/"):
        return f"{what} without image", f"{name} is not inside {root}"
    if not os.path.isfile(root / name):
        shown = "(empty)" if name == "." else name
        return f"{what} without image", f"there is no image {shown} in {root}"
    if not text.strip():
        return f"empty {what}", f"the {what} of {name} is empty"
    if not verification.is_text(text):
        return f"unreadable {what}", f"the {what} of {name} holds a character that no text has"
    swallowed = _swallowed(root, text)
    if swallowed:
        return f"unclosed {what}", f"the {what} of {name} goes on over {swallowed}; close its quote"
    return None


def _swallowed(
    root: pathlib.Path,
    text: str,
) -> str | None:
    """The image whose line a caption of several lines holds, or None: a quote was not closed."""
    for line in text.splitlines()[1:]:
        file, comma, _ = line.partition(",")
        if comma and file and os.path.isfile(root / file.strip('"')):
            return file
    return None


def _split(
    entries: Sequence[Captioned],
    options: Any,
) -> dict[str, list[Captioned]]:
    """Whole groups of equal images to val, then test, then train."""
    groups = collections.defaultdict(list)
    for entry in entries:
        groups[_digest(entry.image)].append(entry)
    wanted = math.ceil(options.held_out * len(entries))
    splits = by_group(list(groups.values()), wanted, options.seed)
    if not splits["train"]:
        raise UserError(
            f"--held_out={options.held_out}: leaves none of {len(entries)} images for training; "
            "lower it"
        )
    return {split: found for split, found in splits.items() if found}


def _digest(path: Any) -> str:
    """What equal images have in common."""
    try:
        return hashlib.sha256(reading.read_bytes(path, images.MAX_BYTES)).hexdigest()
    except reading.BadFile:  # a finding when the images are verified; until then like no other
        return str(path)
