"""Pictures with texts: how they are written, and how training and evaluation read them.

Parts of a prepared folder: `<split>/images` {id, picture} and `<split>/texts` {id, text, image: row in images}. From
tools/extract_features.py: `<split>/image_features.<encoder>` {feature} and, for sentence encoders,
`<split>/text_features.<encoder>`, row by row as the pictures and texts. `vocabulary.txt` is counted on the training
texts alone.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from tfvse.data import images, manifest, records, verification
from tfvse.data.pipeline import TrainSet
from tfvse.data.text import Vocabulary
from tfvse.encoders import word_vectors
from tfvse.errors import UserError

IMAGE_FIELDS = {"id": "bytes", "picture": "bytes"}
TEXT_FIELDS = {"id": "bytes", "text": "bytes", "image": "int64"}
VOCABULARY = "vocabulary.txt"


@dataclasses.dataclass(frozen=True)
class Captioned:
    """A picture (path or bytes) with any number of texts; `id` is unique in the data set."""

    id: str
    picture: pathlib.Path | bytes
    texts: tuple[str, ...]


def write(folder: pathlib.Path, splits: Mapping[str, Iterable[Captioned]], findings: verification.Findings) -> dict:
    """Verifies the pictures and texts of every split, then writes them.

    Args:
      folder: where to.
      splits: split → pictures with texts, gone through twice.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind: "kind", "splits", "parts", "left_out", "statistics".

    Raises:
      UserError: something is wrong and may not be left out.
    """
    bad = verification.check_pictures(splits, findings) | _check_texts(splits, findings)
    findings.settle()
    counts, parts, vocabulary = {}, {}, None
    for split, pictures in splits.items():
        kept = [p for p in pictures if (split, p.id) not in bad] if bad else pictures
        if not any(True for _ in kept):
            raise UserError(f"the split {split} holds no usable picture; check the layout of the data")
        texts = []
        parts[f"{split}/images"] = records.write(
            folder / split / "images", _image_records(kept, texts), IMAGE_FIELDS, total=_length(kept)
        )
        parts[f"{split}/texts"] = records.write(folder / split / "texts", texts, TEXT_FIELDS, total=len(texts))
        counts[split] = {"images": parts[f"{split}/images"]["count"], "texts": len(texts)}
        if split == "train":
            vocabulary = Vocabulary.from_texts(t["text"].decode() for t in texts)
            vocabulary.write(folder / VOCABULARY)
    words = {"words_of_train": len(vocabulary.words)} if vocabulary else {}
    return {
        "kind": "matching", "splits": counts, "parts": parts, "left_out": findings.left_out,
        "remarks": findings.remarks, "statistics": words,
    }  # fmt: skip


def _length(items):
    return len(items) if hasattr(items, "__len__") else None


def _check_texts(splits, findings):
    """Set of (split, id) without a text; counts repeated texts."""
    bad = set()
    for split, pictures in splits.items():
        repeated = 0
        for picture in pictures:
            if not any(text.strip() for text in picture.texts):
                findings.add("picture without caption", f"{picture.id}: has no caption")
                bad.add((split, picture.id))
            repeated += len(picture.texts) - len(set(picture.texts))
        if repeated:
            findings.remark(f"{repeated:,} captions of {split} say the same as another one of the same picture")
    return bad


def _image_records(pictures, texts):
    """Yields the record of every picture; appends the records of its texts to the list `texts`."""
    for row, picture in enumerate(pictures):
        for number, text in enumerate(t for t in picture.texts if t.strip()):
            cleaned = " ".join(text.split())
            texts.append({"id": f"{picture.id}#{number}".encode(), "text": cleaned.encode(), "image": row})
        yield {"id": picture.id.encode(), "picture": images.read(picture.picture)}


def feature_part(split, what, encoder):
    """Name of the part that holds features, such as "train/image_features.efficientnet_lite0".

    Args:
      split: "train", "val" or "test".
      what: "image" or "text".
      encoder: name of the encoder, which may hold ":" and "/".
    """
    return f"{split}/{what}_features.{encoder.replace(':', '_').replace('/', '_')}"


class MatchingData:
    """A prepared data set of pictures with texts, as the encoders of a config see it.

    Reads the config's `data`, `prepared_dir`, `image_encoder`, `text_encoder`, `max_words`, `min_word_count`,
    `word_vectors` and `vector_words`. A text encoder named "hub:..." is precomputed; the others read word numbers.

    Attributes:
      manifest: dict.
      vocabulary: `tfvse.data.text.Vocabulary` of the training texts, followed by the `vector_words` most frequent words
        of the pretrained vectors; None with precomputed text features.
      image_dim: width of an image feature.
      element_spec: of a training batch: "image" float32 [B, D]; "text" int32 [B, max_words] (0 padding, 1 unknown) or
        float32 [B, D_t]; "image_id" int64 [B], the picture's row: equal ids are never negatives of each other.
      checksum: digest of what training reads.

    Raises:
      UserError: features are missing; names the command that makes them.
    """

    kind = "matching"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        self.precomputed_text = config.text_encoder.startswith("hub:")
        self.vocabulary = None
        if not self.precomputed_text:
            self.vocabulary = Vocabulary.read(self.prepared_dir / VOCABULARY, config.min_word_count)
            if config.vector_words:
                # Words that training never sees keep the meaning that their pretrained vectors give them.
                self.vocabulary = self.vocabulary.extended(
                    word_vectors.frequent(config.word_vectors, config.vector_words)
                )
        train = self.split("train")
        self.image_dim = train.image_feature_part.fields["feature"]["shape"][0]
        text = tf.TensorSpec([None, config.max_words], tf.int32)
        if self.precomputed_text:
            text = tf.TensorSpec([None, *train.text_feature_part.fields["feature"]["shape"]], tf.float32)
        self.element_spec = {
            "image": tf.TensorSpec([None, self.image_dim], tf.float32),
            "text": text,
            "image_id": tf.TensorSpec([None], tf.int64),
        }
        self.checksum = manifest.checksum(found, train.part_names)

    def split(self, split):
        """`MatchingSplit` of "train", "val" or "test"; UserError when there is no such split."""
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return MatchingSplit(self, split)

    def train_set(self):
        """`TrainSet` of the training pairs, held in memory; one item is one (picture, text) pair."""
        train = self.split("train")
        with tf.device("cpu"):  # a large constant must not take the accelerator's memory
            images, texts = tf.constant(train.image_features()), tf.constant(train.text_inputs())
            image_of_text = tf.constant(train.image_of_text)

        def fetch(indices, noise):
            rows = indices[:, 0]
            image_id = tf.gather(image_of_text, rows)
            return {"image": tf.gather(images, image_id), "text": tf.gather(texts, rows), "image_id": image_id}

        return TrainSet((len(train.image_of_text),), fetch, self.element_spec)


class MatchingSplit:
    """One split, in full.

    Attributes:
      image_ids, texts: arrays of str, [N] and [T].
      text_ids: array of str [T].
      image_of_text: int64 [T], each text's row in the pictures.
    """

    def __init__(self, data, split):
        self.data, self.name = data, split
        self.image_part = data_part(data, f"{split}/images")
        self.text_part = data_part(data, f"{split}/texts")

    @functools.cached_property
    def image_feature_part(self):
        return self._features("image", self.data.config.image_encoder, len(self.image_part))

    @functools.cached_property
    def text_feature_part(self):
        return self._features("text", self.data.config.text_encoder, len(self.text_part))

    @property
    def part_names(self):
        """Parts that training on this split reads."""
        found = [self.text_part.name, self.image_feature_part.name]
        return found + ([self.text_feature_part.name] if self.data.precomputed_text else [])

    def _features(self, what, encoder, count):
        name = feature_part(self.name, what, encoder)
        directory, known = self.data.prepared_dir, self.data.manifest["parts"]
        if name not in known:
            raise UserError(
                f"{directory}: has no {what} features of {encoder} for {self.name}; run tools/extract_features.py "
                f"--prepared_dir={directory} --{what}_encoder={encoder}"
            )
        if known[name]["count"] != count:
            raise UserError(f"{directory}: {name} has {known[name]['count']} rows instead of {count}; extract it again")
        return data_part(self.data, name)

    @functools.cached_property
    def image_ids(self):
        return _strings(self.image_part.all("id"))

    @functools.cached_property
    def texts(self):
        return _strings(self.text_part.all("text"))

    @functools.cached_property
    def text_ids(self):
        return _strings(self.text_part.all("id"))

    @functools.cached_property
    def image_of_text(self):
        return self.text_part.all("image")

    def image_features(self):
        """float32 [N, D]."""
        return self.image_feature_part.all("feature")

    def text_inputs(self):
        """What the text network reads: int32 word numbers [T, max_words], or float32 features [T, D]."""
        if self.data.precomputed_text:
            return self.text_feature_part.all("feature")
        return self.data.vocabulary.lookup(tf.constant(self.texts.tolist()), self.data.config.max_words).numpy()

    def picture(self, row):
        """JPEG or PNG bytes of one picture."""
        return self.image_part.batch(tf.constant([row], tf.int64))["picture"].numpy()[0]


def data_part(data, name):
    """The `records.Part` called `name` of a loaded data set."""
    return records.Part(data.prepared_dir, data.manifest, name)


def _strings(values):
    return np.array([value.decode() for value in values.tolist()])
