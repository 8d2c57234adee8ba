"""Images with texts, as training reads them; `captioned` has the layout of the folder."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfvse import encoders
from tfvse.data import base, manifest
from tfvse.data.kinds import word_labels
from tfvse.data.kinds.captioned import VOCABULARY
from tfvse.data.kinds.matching_split import MatchingSplit
from tfvse.data.pipeline import TrainSet
from tfvse.encoders import word_vectors
from tfvse.encoders.image import ImageEncoder
from tfvse.errors import UserError
from tfvse.preprocessing.text import Vocabulary

SPARSE_SEED = 0  # of the images whose texts a sparse corpus knows: the same ones in every run

# What a batch calls the parts of other images → what it calls the same of the pairs.
_OTHERS = {"other_image": "image", "other_text": "text", "other_id": "image_id"}


@dataclasses.dataclass(frozen=True)
class MatchingView(base.View):
    """What training may see of images with texts.

    Attributes:
      image_encoder: name of the encoder that made the images' features.
      text_encoder: name of the encoder of the texts. The features of some
        (`encoders.TEXT_FEATURES`) are computed beforehand, the others read word numbers.
      train_image_encoder: whether a batch has pixels, to train the image encoder on.
      max_words: words of a text that are read, at most.
      min_word_count: times that a word must occur in the training texts to be known.
      word_vectors: name or file of the pretrained word vectors.
      vector_words: most frequent words of `word_vectors` that are known beside those of the texts.
      annotated_percent: percent of the training images whose texts are known.
      sentences: texts of a training image that are known, at most; 0: all.
      labels: which labels training reads: "none", "set" (those of the data set) or "words".
      label_words: with "words": how many of the most frequent words are labels.
      semantics: which words of the images without known texts training reads: "none",
        "regional" or "global".
    """

    kind: ClassVar[str] = "matching"

    image_encoder: str
    text_encoder: str
    train_image_encoder: bool = False
    max_words: int = 32
    min_word_count: int = 1
    word_vectors: str = "none"
    vector_words: int = 0
    annotated_percent: float = 100.0
    sentences: int = 0
    labels: str = "none"
    label_words: int = 0
    semantics: str = "none"

    @property
    def knows_all_texts(self) -> bool:
        """Whether training may know every training text."""
        return self.annotated_percent == 100 and not self.sentences

    @property
    def has_semantics(self) -> bool:
        """Whether training reads images without known texts, and the words found in them."""
        return self.semantics != "none"


class MatchingData(base.PreparedData):
    """A prepared data set of images with texts, seen through a `MatchingView`.

    Attributes:
      precomputed_text: whether a batch has features of texts instead of word numbers.
      tokenizer: how the data set's texts are split into words.
      vocabulary: `tfvse.preprocessing.text.Vocabulary` of the training texts, followed by the
        `vector_words` most frequent words of the pretrained vectors; None with precomputed text
        features. A sparse corpus has the words of its known texts alone, and with semantics also
        those of `other_images`.
      image_dim: width of an image feature, or of a region's; 3 with pixels.
      classes: names of the labels that training reads; empty where it reads none.
      single_label: whether an image has exactly one of them.
    """

    kind = "matching"

    def __init__(
        self,
        prepared_dir: pathlib.Path,
        manifest: dict[str, Any],
        view: MatchingView,
    ) -> None:
        """See `PreparedData`.

        Raises:
          UserError: features are missing; names the command that makes them.
        """
        super().__init__(prepared_dir, manifest, view)
        self.precomputed_text = encoders.has_text_features(view.text_encoder)
        # Data prepared before there were other tokenizers have plain words.
        self.tokenizer: str = manifest.get("tokenizer", "words")
        self.vocabulary = None if self.precomputed_text else self._vocabulary()

        train = self.split("train")
        self.image_dim: int = train.image_shape[-1]
        self.classes, self.single_label = self._classes()
        self._text_spec = self._text_spec_of(train)

    @functools.cached_property
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        """Of a training batch.

        "image" float32 [B, D], or regions [B, R, D], or pixels [B, S, S, 3]; "text" int32
        [B, max_words] (0 padding, 1 unknown) or float32 [B, D_t]; "image_id" int64 [B], the image's
        row: equal ids are never negatives of each other.

        With labels also "label": int64 [B] where an image has one, else float32 [B, classes] of
        zeros and ones. With semantics also "other_image", "other_text" and "other_id": the same for
        `other_images` and their words.
        """
        image_shape = self.split("train").image_shape
        spec = {
            "image": tf.TensorSpec([None, *image_shape], tf.float32),
            "text": self._text_spec,
            "image_id": tf.TensorSpec([None], tf.int64),
        }
        if self.view.has_semantics:
            for other, name in _OTHERS.items():
                spec[other] = spec[name]

        if self.classes and self.single_label:
            spec["label"] = tf.TensorSpec([None], tf.int64)
        elif self.classes:
            spec["label"] = tf.TensorSpec([None, len(self.classes)], tf.float32)
        return spec

    @property
    def part_names(self) -> Sequence[str]:
        """Names of the parts that training reads."""
        return self.split("train").part_names

    @functools.cached_property
    def image_encoder(self) -> ImageEncoder:
        """The encoder that prepares the pixels.

        Raises:
          UserError: its images have no one size, or it is no Keras network.
        """
        encoder = encoders.image_encoder(self.view.image_encoder)
        if encoder.size is None or encoder.resources:
            raise UserError(
                f"--train_image_encoder: {encoder.name} cannot be trained here; take one with "
                "images of one size, such as resnet50"
            )
        return encoder

    @functools.cached_property
    def known_texts(self) -> np.ndarray:
        """Rows of the training texts that are known, int64 [K].

        They are those of `annotated_percent` of the images. The images are shuffled once, with the
        same seed in every run; of each the first `sentences` texts are taken.
        """
        image_of_text = self.split("train").image_of_text
        count = image_of_text.max() + 1
        shuffled = np.random.default_rng(SPARSE_SEED).permutation(count)
        # Rounded down, as A3VSE's tables do: 5 % of 113,287 images are 5,664.
        wanted = int(count * self.view.annotated_percent / 100 + 1e-9)
        annotated = shuffled[: max(1, wanted)]
        known = np.isin(image_of_text, annotated)

        if self.view.sentences:
            known &= _place_among_texts(image_of_text) < self.view.sentences
        return np.flatnonzero(known)

    @functools.cached_property
    def other_images(self) -> np.ndarray:
        """Rows of the training images without a known text, int64 [N]; all if each has one."""
        train = self.split("train")
        everything = np.arange(len(train))
        others = np.setdiff1d(everything, train.image_of_text[self.known_texts])
        return others if len(others) else everything

    @property
    def sizes(self) -> tuple[int, ...]:
        """What the `TrainSet` shuffles: known pairs and, with semantics, other images."""
        if self.view.has_semantics:
            return len(self.known_texts), len(self.other_images)
        return (len(self.known_texts),)

    def split(self, name: str) -> MatchingSplit:
        """The split "train", "val" or "test"; UserError when there is no such split."""
        self.require_split(name)
        return MatchingSplit(self, name)

    def train_set(self) -> TrainSet:
        """The training pairs: one item is an image with a text, and with semantics another image.

        All is held in memory but regions, pixels and large text features, which are read batch by
        batch.
        """
        train = self.split("train")
        with tf.device("cpu"):  # a large constant must not take the accelerator's memory
            read_images = train.image_reader()
            read_texts = train.text_reader(self.known_texts)
            image_of_text = tf.constant(train.image_of_text[self.known_texts])
            targets = tf.constant(train.targets()) if self.classes else None
            read_others = self._other_reader(train, read_images)

        def fetch(
            indices: tf.Tensor,
            noise: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """See `TrainSet`."""
            rows = indices[:, 0]
            image_id = tf.gather(image_of_text, rows)
            batch = {
                "image": read_images(image_id, noise),
                "text": read_texts(rows),
                "image_id": image_id,
            }
            if targets is not None:
                batch["label"] = tf.gather(targets, image_id)
            if read_others is not None:
                batch.update(read_others(indices[:, 1], noise))
            return batch

        return TrainSet(self.sizes, fetch, self.element_spec)

    def _other_reader(
        self,
        train: MatchingSplit,
        read_images: Callable[..., tf.Tensor],
    ) -> Callable[..., dict[str, tf.Tensor]] | None:
        """What reads other images and their words; None without semantics.

        It maps rows int64 [B] of `other_images` and noise float32 [B, 8] to what a batch has of
        them.
        """
        if not self.view.has_semantics:
            return None
        others = tf.constant(self.other_images)
        words = train.semantics[self.other_images]
        numbers = tf.constant(train.word_numbers(words))

        def fetch(
            rows: tf.Tensor,
            noise: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """The other images of a batch."""
            other_id = tf.gather(others, rows)
            return {
                "other_image": read_images(other_id, noise),
                "other_text": tf.gather(numbers, rows),
                "other_id": other_id,
            }

        return fetch

    def _vocabulary(self) -> Vocabulary:
        """The words that the text encoder knows."""
        view = self.view
        known = self._known_vocabulary()
        if not view.vector_words:
            return known
        # Words that training never sees keep the meaning that their pretrained vectors give them.
        frequent = word_vectors.frequent(view.word_vectors, view.vector_words)
        return known.extended(frequent)

    def _known_vocabulary(self) -> Vocabulary:
        """The words of what training reads."""
        view = self.view
        if view.knows_all_texts and not view.has_semantics:
            path = manifest.side_file(self.prepared_dir, self.manifest, VOCABULARY)
            return Vocabulary.read(path, view.min_word_count, self.tokenizer)

        train = self.split("train")
        texts = train.texts[self.known_texts].tolist()
        if view.has_semantics:
            texts += train.semantics[self.other_images].tolist()
        return Vocabulary.from_texts(texts, view.min_word_count, self.tokenizer)

    def _classes(self) -> tuple[tuple[str, ...], bool]:
        """Names of the labels that training reads, and whether every image has exactly one."""
        if self.view.labels == "none":
            return (), False
        if self.view.labels == "words":
            texts = self.split("train").texts[self.known_texts]
            words = word_labels.frequent_words(texts, self.view.label_words, self.tokenizer)
            return words, False
        if not self.manifest.get("classes"):
            raise UserError(f"--labels=set: {self.prepared_dir} has no classes; use --labels=words")
        return tuple(self.manifest["classes"]), self.manifest["single_label"]

    def _text_spec_of(self, train: MatchingSplit) -> tf.TensorSpec:
        """Of the "text" of a batch."""
        if not self.precomputed_text:
            return tf.TensorSpec([None, self.view.max_words], tf.int32)
        shape = train.text_feature_part.fields["feature"]["shape"]
        return tf.TensorSpec([None, *shape], tf.float32)


def _place_among_texts(image_of_text: np.ndarray) -> np.ndarray:
    """The place of every text among those of its image, from 0: int64 [T].

    Args:
      image_of_text: int64 [T], each text's image.
    """
    order = np.argsort(image_of_text, kind="stable")
    first = np.searchsorted(image_of_text[order], image_of_text)
    return np.argsort(order) - first
