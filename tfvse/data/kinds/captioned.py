"""Images with texts as a prepared folder holds them: its parts, and how they are written.

Parts of a split: `<split>/images` {id, picture; labels, where the set has classes} and
`<split>/texts` {id, text, image: row in images}. `tfvse extract` adds
`<split>/image_features.<encoder>` {feature}, row by row as the images. Sentence encoders add
`<split>/text_features.<encoder>`, row by row as the texts. Encoders of regions also add
`<split>/semantics.<encoder>` {regional, global}: the words that the encoder finds in each image,
best first. `vocabulary.txt` is counted on the training texts alone.
"""

import dataclasses
import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tfvse import reading
from tfvse.data import records, verification
from tfvse.data.formats import images
from tfvse.data.records import IMAGE_FIELD
from tfvse.errors import UserError
from tfvse.preprocessing.text import Vocabulary

IMAGE_FIELDS = {"id": "bytes", IMAGE_FIELD: "bytes"}
TEXT_FIELDS = {"id": "bytes", "text": "bytes", "image": "int64"}
VOCABULARY = "vocabulary.txt"


@dataclasses.dataclass(frozen=True)
class Captioned:
    """An image with any number of texts and, where the set has classes, its labels.

    Attributes:
      id: its name, unique in the data set.
      image: path or bytes of its file.
      texts: what is said of it.
      labels: numbers of its classes.
    """

    id: str
    image: pathlib.Path | bytes
    texts: tuple[str, ...]
    labels: tuple[int, ...] = ()


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Collection[Captioned]],
    findings: verification.Findings,
    classes: tuple[str, ...] = (),
    single_label: bool = True,
    tokenizer: str = "words",
) -> dict[str, Any]:
    """Verifies the images and texts of every split, then writes them.

    Args:
      folder: where to.
      splits: split → images with texts, gone through twice.
      findings: with what the reader of the data set has already found.
      classes: names that the labels of the images number; none: images have no labels.
      single_label: whether every image has exactly one label.
      tokenizer: how the texts are split into words, a name in
        `tfvse.preprocessing.text.TOKENIZERS`.

    Returns:
      The manifest's entries of this kind: "kind", "splits", "parts", "left_out", "remarks",
      "statistics", "tokenizer", "files"; with classes also "classes" and "single_label".

    Raises:
      UserError: something is wrong and may not be left out.
    """
    bad = verification.check_images(splits, findings) | _check_texts(splits, findings)
    findings.settle()

    counts = {}
    parts = {}
    statistics = {}
    side_files = {}
    for split, entries in splits.items():
        kept = _kept(split, entries, bad)
        texts: list[dict[str, Any]] = []
        image_part = _write_images(folder / split / "images", kept, texts, len(classes))
        text_path = folder / split / "texts"
        text_part = records.write(text_path, texts, TEXT_FIELDS, total=len(texts))
        parts[f"{split}/images"] = image_part
        parts[f"{split}/texts"] = text_part
        counts[split] = {"images": image_part["count"], "texts": len(texts)}
        if split == "train":
            vocabulary = _write_vocabulary(folder / VOCABULARY, texts, tokenizer)
            statistics["words_of_train"] = len(vocabulary.words)
            side_files[VOCABULARY] = reading.digest(folder / VOCABULARY)

    entries_of_kind: dict[str, Any] = {
        "kind": "matching",
        "splits": counts,
        "parts": parts,
        "left_out": findings.left_out,
        "remarks": findings.remarks,
        "statistics": statistics,
        "tokenizer": tokenizer,
        "files": side_files,
    }
    if classes:
        entries_of_kind["classes"] = list(classes)
        entries_of_kind["single_label"] = single_label
    return entries_of_kind


def _kept(
    split: str,
    entries: Collection[Captioned],
    bad: set[tuple[str, str]],
) -> Collection[Captioned]:
    """The usable entries of a split; `bad` holds (split, id). UserError when there is none."""
    kept = [entry for entry in entries if (split, entry.id) not in bad] if bad else entries
    if not any(True for _ in kept):
        raise UserError(f"the split {split} holds no usable image; check the layout of the data")
    return kept


def _write_images(
    path: pathlib.Path,
    entries: Collection[Captioned],
    texts: list[dict[str, Any]],
    classes: int,
) -> dict[str, Any]:
    """Writes the images of a split.

    Args:
      path: prefix of the part.
      entries: the images.
      texts: gets the records of their texts.
      classes: number of classes.

    Returns:
      The part's entry of the manifest.
    """
    fields: dict[str, Any] = dict(IMAGE_FIELDS)
    if classes:
        fields["labels"] = {"dtype": "uint8", "shape": [classes]}
    found = _image_records(entries, texts, classes)
    # Entries that TensorFlow Datasets reads one by one have no length.
    total = len(entries) if hasattr(entries, "__len__") else None
    return records.write(path, found, fields, total=total)


def _write_vocabulary(
    path: pathlib.Path,
    texts: Iterable[Mapping[str, Any]],
    tokenizer: str,
) -> Vocabulary:
    """Counts and writes the words of the records of texts."""
    strings = (text["text"].decode() for text in texts)
    vocabulary = Vocabulary.from_texts(strings, tokenizer=tokenizer)
    vocabulary.write(path)
    return vocabulary


def _check_texts(
    splits: Mapping[str, Iterable[Captioned]],
    findings: verification.Findings,
) -> set[tuple[str, str]]:
    """(split, id) of the images without a usable text; counts repeated texts."""
    bad = set()
    for split, entries in splits.items():
        repeated = 0
        for entry in entries:
            if not all(map(verification.is_text, entry.texts)):
                findings.add("unreadable caption", f"{entry.id}: a caption is no text in UTF-8")
                bad.add((split, entry.id))
                continue
            if not any(text.strip() for text in entry.texts):
                findings.add("image without caption", f"{entry.id}: has no caption")
                bad.add((split, entry.id))
            repeated += len(entry.texts) - len(set(entry.texts))
        if repeated:
            findings.remark(
                f"{repeated:,} captions of {split} say the same as another one of the same image"
            )
    return bad


def _image_records(
    entries: Iterable[Captioned],
    texts: list[dict[str, Any]],
    classes: int,
) -> Iterator[dict[str, Any]]:
    """Yields the record of every image; appends its texts' records to `texts`."""
    for row, entry in enumerate(entries):
        stated = [text for text in entry.texts if text.strip()]
        for number, text in enumerate(stated):
            cleaned = " ".join(text.split())
            texts.append(
                {"id": f"{entry.id}#{number}".encode(), "text": cleaned.encode(), "image": row}
            )
        record: dict[str, Any] = {"id": entry.id.encode(), IMAGE_FIELD: images.read(entry.image)}
        if classes:
            record["labels"] = np.isin(np.arange(classes), entry.labels).astype(np.uint8)
        yield record


def feature_part(
    split: str,
    what: str,
    encoder: str,
) -> str:
    """Name of the part that holds features, such as "train/image_features.efficientnet_lite0".

    Args:
      split: "train", "val" or "test".
      what: "image" or "text".
      encoder: name of the encoder, which may hold ":" and "/".
    """
    plain = encoder.replace(":", "_").replace("/", "_")
    return f"{split}/{what}_features.{plain}"


def semantics_part(features: str) -> str:
    """Name of the part with the words that an encoder of regions finds, beside its features."""
    return features.replace("image_features", "semantics", 1)
