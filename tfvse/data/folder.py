"""A person's own pictures: a folder with a CSV or JSON-lines file of captions."""

import collections
import csv
import hashlib
import json
import pathlib

import numpy as np

from tfvse.data import images, matching, verification
from tfvse.data.matching import Captioned
from tfvse.errors import UserError

LAYOUT = """
Your own pictures are expected like this:
  <data_dir>/captions.csv      UTF-8, first line file,caption; one caption a line, any number per picture
  <data_dir>/dog.jpg           every picture (JPEG, PNG, WebP, ...), in subfolders where you like
or, instead of the CSV file, <data_dir>/captions.jsonl with lines {"file": "dog.jpg", "caption": "a dog in the snow"}.
A part of the pictures, --held_out=0.1, is drawn for val and as many for test.
"""
COLUMNS = ("file", "caption")


def prepare(flags, folder):
    """Split by picture with the seed; pictures with the same bytes stay in one split."""
    root = verification.require(flags.data_dir, (), LAYOUT)
    listed = [root / name for name in ("captions.csv", "captions.jsonl") if (root / name).exists()]
    if len(listed) > 1:
        raise UserError(f"--data_dir={root}: has captions.csv and captions.jsonl; keep one of them")
    if not listed:
        verification.require(root, ("captions.csv",), LAYOUT)
    rows = _read_csv(listed[0]) if listed[0].suffix == ".csv" else _read_jsonl(listed[0])
    findings = verification.Findings(flags.skip_bad)
    captions = _by_picture(root, listed[0], rows, findings)
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in images.EXTENSIONS and p.name[0] != "."):
        if path.relative_to(root).as_posix() not in captions:
            findings.add("picture without caption", f"{path}: has no line in {listed[0].name}")
    captioned = [Captioned(name, root / name, tuple(texts)) for name, texts in captions.items()]
    if not captioned:
        findings.settle()
        raise UserError(f"{listed[0]}: has no caption of a picture that is there; write lines such as dog.jpg,a dog")
    written = matching.write(folder, _split(captioned, flags), findings)
    return {"licence": "The user's own data.", "source": f"own folder, {listed[0].name}", **written}


def _read_csv(path):
    """Yields (line number, file, caption)."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                found = ", ".join(reader.fieldnames or ()) or "nothing"
                raise UserError(
                    f"{path}: has no column {missing[0]}, only {found}; the first line must be file,caption"
                )
            for row in reader:
                yield reader.line_num, row["file"], row["caption"]
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{path}, after line {reader.line_num}: not a CSV file in UTF-8 ({error})") from None


def _read_jsonl(path):
    """Yields (line number, file, caption)."""
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
        missing = [name for name in COLUMNS if not isinstance(row, dict) or not isinstance(row.get(name), str)]
        if missing:
            raise UserError(f'{path}, line {number}: has no text "{missing[0]}"; write {{"file": ..., "caption": ...}}')
        yield number, row["file"], row["caption"]


def _by_picture(root, path, rows, findings):
    """File relative to `root` → its captions; what cannot be used becomes a finding."""
    captions, first_line = collections.defaultdict(list), {}
    for line, file, caption in rows:
        name, caption = pathlib.PurePosixPath((file or "").strip()).as_posix(), " ".join((caption or "").split())
        where = f"{path}, line {line}"
        if name.startswith("/") or ".." in name.split("/"):
            findings.add("caption without picture", f"{where}: {file} is not inside {root}")
        elif not (root / name).is_file():
            findings.add("caption without picture", f"{where}: there is no picture {file or '(empty)'} in {root}")
        elif not caption:
            findings.add("empty caption", f"{where}: the caption of {name} is empty")
        elif (name, caption) in first_line:
            findings.add("duplicate caption", f"{where}: says the same of {name} as line {first_line[name, caption]}")
        else:
            first_line[name, caption] = line
            captions[name].append(caption)
    return captions


def _split(captioned, flags):
    """Whole groups of equal pictures to val, then test, then train."""
    groups = collections.defaultdict(list)
    for entry in captioned:
        groups[_digest(entry.picture)].append(entry)
    members = list(groups.values())
    wanted = int(np.ceil(flags.held_out * len(captioned)))
    splits = {"train": [], "val": [], "test": []}
    for i in np.random.default_rng(flags.seed).permutation(len(members)):
        split = next((s for s in ("val", "test") if len(splits[s]) < wanted), "train")
        splits[split] += members[i]
    if not splits["train"]:
        raise UserError(f"--held_out={flags.held_out}: leaves none of {len(captioned)} pictures for training; lower it")
    return {split: entries for split, entries in splits.items() if entries}


def _digest(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.digest()
