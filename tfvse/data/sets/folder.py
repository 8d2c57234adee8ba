"""A person's own pictures: a folder with a CSV or JSON-lines file of captions."""

import collections
import csv
import dataclasses
import hashlib
import json
import pathlib

import numpy as np

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned
from tfvse.data.kinds.captioned import Captioned
from tfvse.errors import UserError

LAYOUT = """
Your own pictures are expected like this:
  <data_dir>/captions.csv      UTF-8, first line file,caption; one caption a line, any number per picture
  <data_dir>/dog.jpg           every picture (JPEG, PNG, WebP, ...), in subfolders where you like
or, instead of the CSV file, <data_dir>/captions.jsonl with lines {"file": "dog.jpg", "caption": "a dog in the snow"}.
A part of the pictures, --held_out=0.1, is drawn for val and as many for test.
"""


@dataclasses.dataclass(frozen=True)
class Listing:
    """How a folder lists its pictures and texts.

    Attributes:
      name: of the list, without .csv or .jsonl.
      columns: what a line calls the picture and the text.
      text: what a text is called in messages.
      layout: shown where the list is missing.
      tokenizer: how the texts are split into words, a name in `tfvse.preprocessing.text.TOKENIZERS`.
    """

    name: str
    columns: tuple[str, str]
    text: str
    layout: str
    tokenizer: str = "words"


CAPTIONS = Listing("captions", ("file", "caption"), "caption", LAYOUT)


def prepare(flags, folder):
    """Split by picture with the seed; pictures with the same bytes stay in one split."""
    return prepare_listing(flags, folder, CAPTIONS)


def prepare_listing(flags, folder, listing):
    """Like `prepare`, of a folder that has a `Listing`."""
    root = verification.require(flags.data_dir, (), listing.layout)
    names = [f"{listing.name}.csv", f"{listing.name}.jsonl"]
    listed = [root / name for name in names if (root / name).exists()]
    if len(listed) > 1:
        raise UserError(f"--data_dir={root}: has {names[0]} and {names[1]}; keep one of them")
    if not listed:
        verification.require(root, names[:1], listing.layout)
    rows = (_read_csv if listed[0].suffix == ".csv" else _read_jsonl)(listed[0], listing.columns)
    findings = verification.Findings(flags.skip_bad)
    texts = _by_picture(root, listed[0], rows, listing.text, findings)
    for path in sorted(
        p for p in root.rglob("*") if p.suffix.lower() in images.EXTENSIONS and p.name[0] != "."
    ):
        if path.relative_to(root).as_posix() not in texts:
            findings.add(
                f"picture without {listing.text}", f"{path}: has no line in {listed[0].name}"
            )
    pictures = [Captioned(name, root / name, tuple(found)) for name, found in texts.items()]
    if not pictures:
        findings.settle()
        raise UserError(
            f"{listed[0]}: has no {listing.text} of a picture that is there; list them by their file names"
        )
    written = captioned.write(
        folder, _split(pictures, flags), findings, tokenizer=listing.tokenizer
    )
    return {"licence": "The user's own data.", "source": f"own folder, {listed[0].name}", **written}


def _read_csv(path, columns):
    """Yields (line number, file, text)."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                found = ", ".join(reader.fieldnames or ()) or "nothing"
                first = ",".join(columns)
                raise UserError(
                    f"{path}: has no column {missing[0]}, only {found}; the first line must have {first}"
                )
            for row in reader:
                yield reader.line_num, *(row[name] for name in columns)
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(
                f"{path}, after line {reader.line_num}: not a CSV file in UTF-8 ({error})"
            ) from None


def _read_jsonl(path, columns):
    """Yields (line number, file, text)."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8 ({error})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: not JSON ({error})") from None
        missing = [
            name
            for name in columns
            if not isinstance(row, dict) or not isinstance(row.get(name), str)
        ]
        if missing:
            right = ", ".join(f'"{name}": "..."' for name in columns)
            raise UserError(f'{path}, line {number}: has no text "{missing[0]}"; write {{{right}}}')
        yield number, *(row[name] for name in columns)


def _by_picture(root, path, rows, what, findings):
    """File relative to `root` → its texts; what cannot be used becomes a finding. `what` a text is called."""
    texts, first_line = collections.defaultdict(list), {}
    for line, file, text in rows:
        name, text = (
            pathlib.PurePosixPath((file or "").strip()).as_posix(),
            " ".join((text or "").split()),
        )
        where = f"{path}, line {line}"
        if name.startswith("/") or ".." in name.split("/"):
            findings.add(f"{what} without picture", f"{where}: {file} is not inside {root}")
        elif not (root / name).is_file():
            findings.add(
                f"{what} without picture",
                f"{where}: there is no picture {file or '(empty)'} in {root}",
            )
        elif not text:
            findings.add(f"empty {what}", f"{where}: the {what} of {name} is empty")
        elif (name, text) in first_line:
            findings.add(
                f"duplicate {what}",
                f"{where}: says the same of {name} as line {first_line[name, text]}",
            )
        else:
            first_line[name, text] = line
            texts[name].append(text)
    return texts


def _split(pictures, flags):
    """Whole groups of equal pictures to val, then test, then train."""
    groups = collections.defaultdict(list)
    for entry in pictures:
        groups[_digest(entry.picture)].append(entry)
    members = list(groups.values())
    wanted = int(np.ceil(flags.held_out * len(pictures)))
    splits = {"train": [], "val": [], "test": []}
    for i in np.random.default_rng(flags.seed).permutation(len(members)):
        split = next((s for s in ("val", "test") if len(splits[s]) < wanted), "train")
        splits[split] += members[i]
    if not splits["train"]:
        raise UserError(
            f"--held_out={flags.held_out}: leaves none of {len(pictures)} pictures for training; lower it"
        )
    return {split: entries for split, entries in splits.items() if entries}


def _digest(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.digest()
