"""A person's own pictures: a folder with a CSV or JSON-lines file of captions."""

import collections
import csv
import dataclasses
import hashlib
import io
import os
import pathlib

import numpy as np

from tfvse import reading
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
    findings = verification.Findings(flags.skip_bad)
    read = _read_csv if listed[0].suffix == ".csv" else _read_jsonl
    rows = read(listed[0], listing.columns, findings)
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


def _read_csv(path, columns, findings):
    """Yields (line number, file, text); a line of too many cells becomes a finding."""
    with io.StringIO(reading.read_text(path), newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            header = next(reader, [])
            _require_columns(path, header, columns)
            places = [header.index(name) for name in columns]
            for row in reader:
                extra = _extra_cell(row, header)
                if extra:
                    fault = f"has more cells than the first line, see {extra!r}"
                    right = 'put a text with commas "in quotes"'
                    where = f"{path}, line {reader.line_num}"
                    findings.add("line of too many cells", f"{where}: {fault}; {right}")
                elif any(cell.strip() for cell in row):
                    row += [""] * (len(header) - len(row))
                    yield reader.line_num, *(row[place] for place in places)
        except csv.Error as error:
            raise UserError(
                f"{path}, line {reader.line_num} or before: not a CSV file ({error}); "
                'a cell with a comma or a quote in it is written "in quotes", a quote inside as ""'
            ) from None


def _require_columns(path, header, columns):
    missing = [name for name in columns if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        first = ",".join(columns)
        raise UserError(
            f"{path}: has no column {missing[0]}, only {found}; the first line must have {first}"
        )
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise UserError(f"{path}: has two columns {twice[0]}; take one of them out")


def _extra_cell(row, header):
    """The first cell with content that no name in the header stands for, or None."""
    names = header + [""] * (len(row) - len(header))
    return next(
        (cell for name, cell in zip(names, row, strict=False) if cell.strip() and not name), None
    )


def _read_jsonl(path, columns, findings):
    """Yields (line number, file, text)."""
    right = ", ".join(f'"{name}": "..."' for name in columns)
    for number, line in enumerate(reading.read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = reading.parse_json(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: not JSON ({error})") from None
        values = [row.get(name) if isinstance(row, dict) else None for name in columns]
        for name, value in zip(columns, values, strict=True):
            if not isinstance(value, str):
                raise UserError(f'{path}, line {number}: has no text "{name}"; write {{{right}}}')
        yield number, *values


def _by_picture(root, path, rows, what, findings):
    """File relative to `root` → its texts; what cannot be used becomes a finding. `what` a text is called."""
    texts, first_line = collections.defaultdict(list), {}
    for line, file, text in rows:
        name = pathlib.PurePosixPath(file.strip()).as_posix()
        cleaned = " ".join(text.split())
        kind, fault = _unusable(root, name, text, what)
        if not fault and (name, cleaned) in first_line:
            kind = f"duplicate {what}"
            fault = f"says the same of {name} as line {first_line[name, cleaned]}"
        if fault:
            findings.add(kind, f"{path}, line {line}: {fault}")
        else:
            first_line[name, cleaned] = line
            texts[name].append(cleaned)
    return texts


def _unusable(root, name, text, what):
    """(kind of finding, what is wrong with a line) or two times None."""
    if name.startswith("/") or ".." in name.split("/"):
        return f"{what} without picture", f"{name} is not inside {root}"
    if not os.path.isfile(root / name):
        shown = "(empty)" if name == "." else name
        return f"{what} without picture", f"there is no picture {shown} in {root}"
    if not text.strip():
        return f"empty {what}", f"the {what} of {name} is empty"
    if not verification.is_text(text):
        return f"unreadable {what}", f"the {what} of {name} holds a character that no text has"
    swallowed = _swallowed(root, text)
    if swallowed:
        return f"unclosed {what}", f"the {what} of {name} goes on over {swallowed}; close its quote"
    return None, None


def _swallowed(root, text):
    """The image whose line a caption of several lines holds, or None: a quote was not closed."""
    for line in text.splitlines()[1:]:
        file, comma, _ = line.partition(",")
        if comma and file and os.path.isfile(root / file.strip('"')):
            return file
    return None


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
    try:
        return hashlib.sha256(reading.read_bytes(path, images.MAX_BYTES)).hexdigest()
    except reading.BadFile:  # a finding when the pictures are verified; until then like no other
        return str(path)
