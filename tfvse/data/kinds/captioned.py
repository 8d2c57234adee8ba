"""Pictures with texts as a prepared folder holds them: the names of its parts, and how they are written.

Parts: `<split>/images` {id, picture; labels, where the set has classes} and `<split>/texts` {id, text, image: row in
images}. From tools/extract_features.py: `<split>/image_features.<encoder>` {feature} and, for sentence encoders,
`<split>/text_features.<encoder>`, row by row as the pictures and texts; from encoders of regions also
`<split>/semantics.<encoder>` {regional, global}: the words that the encoder finds in each picture, best first.
`vocabulary.txt` is counted on the training texts alone.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np

from tfvse import reading
from tfvse.data import records, verification
from tfvse.data.formats import images
from tfvse.errors import UserError
from tfvse.preprocessing.text import Vocabulary

IMAGE_FIELDS = {"id": "bytes", "picture": "bytes"}
TEXT_FIELDS = {"id": "bytes", "text": "bytes", "image": "int64"}
VOCABULARY = "vocabulary.txt"


@dataclasses.dataclass(frozen=True)
class Captioned:
    """A picture (path or bytes) with any number of texts and, where the set has classes, its labels (their numbers).

    `id` is unique in the data set.
    """

    id: str
    picture: pathlib.Path | bytes
    texts: tuple[str, ...]
    labels: tuple[int, ...] = ()


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[Captioned]],
    findings: verification.Findings,
    classes: tuple[str, ...] = (),
    single_label: bool = True,
    tokenizer: str = "words",
) -> dict:
    """Verifies the pictures and texts of every split, then writes them.

    Args:
      folder: where to.
      splits: split → pictures with texts, gone through twice.
      findings: with what the reader of the data set has already found.
      classes: names that the labels of the pictures number; none: pictures have no labels.
      single_label: whether every picture has exactly one label.
      tokenizer: how the texts are split into words, a name in `tfvse.preprocessing.text.TOKENIZERS`.

    Returns:
      The manifest's entries of this kind: "kind", "splits", "parts", "left_out", "statistics",
      "tokenizer", "files", with classes also "classes" and "single_label".

    Raises:
      UserError: something is wrong and may not be left out.
    """
    bad = verification.check_pictures(splits, findings) | _check_texts(splits, findings)
    findings.settle()
    counts, parts, vocabulary = {}, {}, None
    side_files = {}
    fields = IMAGE_FIELDS | (
        {"labels": {"dtype": "uint8", "shape": [len(classes)]}} if classes else {}
    )
    for split, pictures in splits.items():
        kept = [p for p in pictures if (split, p.id) not in bad] if bad else pictures
        if not any(True for _ in kept):
            raise UserError(
                f"the split {split} holds no usable picture; check the layout of the data"
            )
        texts = []
        parts[f"{split}/images"] = records.write(
            folder / split / "images",
            _image_records(kept, texts, len(classes)),
            fields,
            total=_length(kept),
        )
        parts[f"{split}/texts"] = records.write(
            folder / split / "texts", texts, TEXT_FIELDS, total=len(texts)
        )
        counts[split] = {"images": parts[f"{split}/images"]["count"], "texts": len(texts)}
        if split == "train":
            vocabulary = Vocabulary.from_texts(
                (t["text"].decode() for t in texts), tokenizer=tokenizer
            )
            vocabulary.write(folder / VOCABULARY)
            side_files[VOCABULARY] = reading.digest(folder / VOCABULARY)
    words = {"words_of_train": len(vocabulary.words)} if vocabulary else {}
    labelled = {"classes": list(classes), "single_label": single_label} if classes else {}
    return {
        "kind": "matching", "splits": counts, "parts": parts, "left_out": findings.left_out,
        "remarks": findings.remarks, "statistics": words, "tokenizer": tokenizer,
        "files": side_files, **labelled,
    }  # fmt: skip


def _length(items):
    return len(items) if hasattr(items, "__len__") else None


def _check_texts(splits, findings):
    """Set of (split, id) without a text; counts repeated texts."""
    bad = set()
    for split, pictures in splits.items():
        repeated = 0
        for picture in pictures:
            if not all(map(verification.is_text, picture.texts)):
                findings.add("unreadable caption", f"{picture.id}: a caption is no text in UTF-8")
                bad.add((split, picture.id))
                continue
            if not any(text.strip() for text in picture.texts):
                findings.add("picture without caption", f"{picture.id}: has no caption")
                bad.add((split, picture.id))
            repeated += len(picture.texts) - len(set(picture.texts))
        if repeated:
            findings.remark(
                f"{repeated:,} captions of {split} say the same as another one of the same picture"
            )
    return bad


def _image_records(pictures, texts, classes):
    """Yields the record of every picture, its labels among `classes`; appends its texts' records to `texts`."""
    for row, picture in enumerate(pictures):
        for number, text in enumerate(t for t in picture.texts if t.strip()):
            cleaned = " ".join(text.split())
            texts.append(
                {"id": f"{picture.id}#{number}".encode(), "text": cleaned.encode(), "image": row}
            )
        labels = (
            {"labels": np.isin(np.arange(classes), picture.labels).astype(np.uint8)}
            if classes
            else {}
        )
        yield {"id": picture.id.encode(), "picture": images.read(picture.picture), **labels}


def feature_part(split, what, encoder):
    """Name of the part that holds features, such as "train/image_features.efficientnet_lite0".

    Args:
      split: "train", "val" or "test".
      what: "image" or "text".
      encoder: name of the encoder, which may hold ":" and "/".
    """
    return f"{split}/{what}_features.{encoder.replace(':', '_').replace('/', '_')}"


def semantics_part(features):
    """Name of the part with the words that an encoder of regions finds, beside its part `features`."""
    return features.replace("image_features", "semantics", 1)
