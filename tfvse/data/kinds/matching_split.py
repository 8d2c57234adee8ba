"""One split of images with texts, as training and evaluation read it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfvse.data import records
from tfvse.data.kinds import word_labels
from tfvse.data.kinds.captioned import feature_part, semantics_part
from tfvse.data.records import IMAGE_FIELD, Part
from tfvse.errors import UserError
from tfvse.preprocessing.pixels import Pixels

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData

# Of text features that training holds in memory; more are read batch by batch.
HELD_BYTES = 2**30


class MatchingSplit:
    """One split, in full.

    Attributes:
      data: the `MatchingData` that it belongs to.
      name: "train", "val" or "test".
      image_part: `records.Part` of the images.
      text_part: `records.Part` of the texts.
    """

    def __init__(self, data: MatchingData, name: str) -> None:
        """Refers to the split called `name` of `data`."""
        self.data = data
        self.name = name
        self.image_part = self._part(f"{name}/images")
        self.text_part = self._part(f"{name}/texts")

    def __len__(self) -> int:
        """The number of images N."""
        return len(self.image_part)

    @functools.cached_property
    def image_feature_part(self) -> Part:
        """The features of the images; UserError when they have not been extracted."""
        return self._features("image", self.data.view.image_encoder, len(self.image_part))

    @functools.cached_property
    def text_feature_part(self) -> Part:
        """The features of the texts; UserError when they have not been extracted."""
        return self._features("text", self.data.view.text_encoder, len(self.text_part))

    @property
    def part_names(self) -> list[str]:
        """Names of the parts that training on this split reads."""
        found = [self.text_part.name]
        if self.data.view.train_image_encoder:
            found.append(self.image_part.name)
        else:
            found.append(self.image_feature_part.name)
        if self.data.view.has_semantics:
            found.append(semantics_part(self.image_feature_part.name))
        if self.data.precomputed_text:
            found.append(self.text_feature_part.name)
        return found

    @functools.cached_property
    def image_ids(self) -> np.ndarray:
        """Names of the images, str [N]."""
        return _strings(self.image_part.all("id"))

    @functools.cached_property
    def texts(self) -> np.ndarray:
        """The texts, str [T]."""
        return _strings(self.text_part.all("text"))

    @functools.cached_property
    def text_ids(self) -> np.ndarray:
        """Names of the texts, str [T]."""
        return _strings(self.text_part.all("id"))

    @functools.cached_property
    def image_of_text(self) -> np.ndarray:
        """Each text's row in the images, int64 [T]."""
        return self.text_part.all("image")

    @functools.cached_property
    def semantics(self) -> np.ndarray:
        """The words of the view's kind of semantics in each image, str [N].

        Raises:
          UserError: the images' encoder finds no words.
        """
        view = self.data.view
        name = semantics_part(self.image_feature_part.name)
        if name not in self.data.manifest["parts"]:
            raise UserError(
                f"--semantics={view.semantics}: {self.data.prepared_dir} has no words that "
                f"{view.image_encoder} found in the images of {self.name}; take an encoder that "
                "finds them, such as efficientnet_lite0_regions, or --semantics=none"
            )
        return _strings(self._part(name).all(view.semantics))

    @property
    def feature_shape(self) -> list[int]:
        """Shape of one image's feature: [D], or [R, D] of regions."""
        return self.image_feature_part.fields["feature"]["shape"]

    @property
    def image_shape(self) -> list[int]:
        """Shape of what the image network reads of one image: `feature_shape`, or [S, S, 3]."""
        if self.data.view.train_image_encoder:
            return list(self._pixels().shape[1:])
        return self.feature_shape

    def image_features(self) -> np.ndarray:
        """Features of the images: float32 [N, D], or [N, R, D] of regions."""
        return self.image_feature_part.all("feature").astype(np.float32, copy=False)

    def image_inputs(self) -> np.ndarray | Pixels:
        """What the image network reads: `image_features`, or `Pixels` [N, S, S, 3]."""
        if self.data.view.train_image_encoder:
            return self._pixels()
        return self.image_features()

    def image_reader(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """What reads the "image" of a batch, in TensorFlow ops.

        Regions and pixels stay on the disk.

        Returns:
          Callable (rows int64 [B], noise float32 [B, 8] for the augmentation of pixels) → float32
          [B, D], [B, R, D] or [B, S, S, 3].
        """
        if self.data.view.train_image_encoder:
            return self._pixels().augmented
        part = self.image_feature_part

        def read(rows: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
            """Reads regions from the disk."""
            return tf.cast(part.batch(rows)["feature"], tf.float32)

        if len(self.feature_shape) > 1:
            return read
        features = tf.constant(self.image_features())

        def gather(rows: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
            """Takes vectors from memory."""
            return tf.gather(features, rows)

        return gather

    def text_inputs(self) -> np.ndarray:
        """What the text network reads: int32 word numbers [T, max_words] or float32 [T, D]."""
        if self.data.precomputed_text:
            return self.text_feature_part.all("feature")
        return self.word_numbers(self.texts)

    def text_reader(self, known: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
        """What reads the "text" of a batch, in TensorFlow ops.

        Text features of more than `HELD_BYTES` stay on the disk.

        Args:
          known: int64 [K], rows of the texts.

        Returns:
          Callable (rows int64 [B] of `known`) → int32 [B, max_words] or float32 [B, D].
        """
        if self.data.precomputed_text and self._text_feature_bytes() > HELD_BYTES:
            part = self.text_feature_part
            rows_of_known = tf.constant(known)

            def read(rows: tf.Tensor) -> tf.Tensor:
                """Reads features from the disk."""
                return part.batch(tf.gather(rows_of_known, rows))["feature"]

            return read
        texts = tf.constant(self.text_inputs()[known])

        def gather(rows: tf.Tensor) -> tf.Tensor:
            """Takes texts from memory."""
            return tf.gather(texts, rows)

        return gather

    def word_numbers(self, texts: np.ndarray) -> np.ndarray:
        """Numbers of the words of `texts`, str [T]: int32 [T, max_words]."""
        strings = tf.constant(texts.tolist())
        vocabulary = self.data.vocabulary
        assert vocabulary is not None, "precomputed features have no words"
        return vocabulary.lookup(strings, self.data.view.max_words).numpy()

    def targets(self) -> np.ndarray:
        """Labels of the images: int64 [N] where each has one, else float32 [N, C] of 0 and 1."""
        if self.data.view.labels == "words":
            # In training, a text that is not known tells no label either.
            known = self.data.known_texts if self.name == "train" else slice(None)
            return word_labels.targets(
                self.texts[known],
                self.image_of_text[known],
                self.data.classes,
                self.data.tokenizer,
            )
        several = self.image_part.all("labels")
        if self.data.single_label:
            return several.argmax(axis=1)
        return several.astype(np.float32)

    def encoded(self, row: int) -> bytes:
        """The bytes of one image, a JPEG or PNG file."""
        return self.image_part.one(row)[IMAGE_FIELD].numpy()

    def _pixels(self) -> Pixels:
        """The images as pixels."""
        return Pixels(self.image_part, self.data.image_encoder)

    def _part(self, name: str) -> Part:
        """The part called `name` of the data set."""
        return records.Part(self.data.prepared_dir, self.data.manifest, name)

    def _features(
        self,
        what: str,
        encoder: str,
        count: int,
    ) -> Part:
        """The features that `encoder` made.

        Args:
          what: "image" or "text".
          encoder: its name.
          count: how many there must be.

        Raises:
          UserError: there are none, or another number.
        """
        name = feature_part(self.name, what, encoder)
        directory = self.data.prepared_dir
        known = self.data.manifest["parts"]
        if name not in known:
            raise UserError(
                f"{directory}: has no {what} features of {encoder} for {self.name}; run "
                f"tfvse extract --prepared_dir={directory} --{what}_encoder={encoder}"
            )
        found = known[name]["count"]
        if found != count:
            raise UserError(
                f"{directory}: {name} has {found} rows instead of {count}; extract it again"
            )
        return self._part(name)

    def _text_feature_bytes(self) -> int:
        """Bytes that the text features take in memory."""
        part = self.text_feature_part
        return 4 * len(part) * part.fields["feature"]["shape"][0]


def _strings(values: np.ndarray) -> np.ndarray:
    """Byte strings → an array of str."""
    return np.array([value.decode() for value in values.tolist()])
