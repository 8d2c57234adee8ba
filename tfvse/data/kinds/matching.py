"""Images with texts, as training and evaluation read them; `data.kinds.captioned` has the layout of the folder."""

import functools

import numpy as np
import tensorflow as tf

from tfvse import encoders
from tfvse.data import manifest, records
from tfvse.data.kinds import word_labels
from tfvse.data.kinds.captioned import VOCABULARY, feature_part, semantics_part
from tfvse.data.pipeline import TrainSet
from tfvse.encoders import word_vectors
from tfvse.errors import UserError
from tfvse.preprocessing.pixels import Pixels
from tfvse.preprocessing.text import Vocabulary

HELD_BYTES = (
    2**30
)  # of sentence vectors that training holds in memory; more are read batch by batch
SPARSE_SEED = 0  # of the pictures whose texts a sparse corpus knows: the same ones in every run


class MatchingData:
    """A prepared data set of pictures with texts, as the encoders of a config see it.

    Reads the config's `data`, `prepared_dir`, `image_encoder`, `text_encoder`, `max_words`, `min_word_count`,
    `word_vectors` and `vector_words`, of how many pictures and texts training may know: `annotated_percent` and
    `sentences`, and, where the system has them, `labels`, `label_words` and `semantics`. The features of some text
    encoders (`encoders.TEXT_FEATURES`) are computed beforehand; the others read word numbers.

    Attributes:
      manifest: dict.
      tokenizer: how the data set's texts are split into words.
      vocabulary: `tfvse.preprocessing.text.Vocabulary` of the training texts, followed by the
        `vector_words` most frequent words of the pretrained vectors; None with precomputed text
        features. A sparse corpus has the words of its known texts alone, and with semantics also
        those of `other_pictures`.
      image_dim: width of an image feature, or of a region's; 3 with pixels.
      pixels: whether a batch has pictures for the image encoder to be trained on, not its features.
      semantics: "none", "regional" or "global": which words of `other_pictures` training reads.
      classes: names of the labels that training reads, those of the data set or words; empty where it reads none.
      single_label: whether a picture has exactly one of them.
      element_spec: of a training batch: "image" float32 [B, D], or regions [B, R, D], or pixels [B, S, S, 3];
        "text" int32 [B, max_words] (0 padding, 1 unknown) or float32 [B, D_t]; "image_id" int64 [B], the picture's row:
        equal ids are never negatives of each other. With labels also "label", int64 [B] where a picture has one, else
        float32 [B, classes] of zeros and ones. With semantics also "other_image", "other_text" and "other_id", the same
        for `other_pictures` and their words.
      checksum: digest of what training reads.

    Raises:
      UserError: features are missing; names the command that makes them.
    """

    kind = "matching"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        self.precomputed_text = encoders.has_text_features(config.text_encoder)
        self.tokenizer = found.get(
            "tokenizer", "words"
        )  # data prepared before there were others have plain words
        self.semantics = getattr(config, "semantics", "none")
        self.pixels = getattr(config, "train_image_encoder", False)
        self.vocabulary = None
        if not self.precomputed_text:
            self.vocabulary = self._vocabulary()
            if config.vector_words:
                # Words that training never sees keep the meaning that their pretrained vectors give them.
                self.vocabulary = self.vocabulary.extended(
                    word_vectors.frequent(config.word_vectors, config.vector_words)
                )
        train = self.split("train")
        feature_shape = train.image_inputs().shape[1:] if self.pixels else train.feature_shape
        self.image_dim = feature_shape[-1]
        text = tf.TensorSpec([None, config.max_words], tf.int32)
        if self.precomputed_text:
            text = tf.TensorSpec(
                [None, *train.text_feature_part.fields["feature"]["shape"]], tf.float32
            )
        self.element_spec = {
            "image": tf.TensorSpec([None, *feature_shape], tf.float32),
            "text": text,
            "image_id": tf.TensorSpec([None], tf.int64),
        }
        if self.semantics != "none":
            names = {"other_image": "image", "other_text": "text", "other_id": "image_id"}
            self.element_spec |= {other: self.element_spec[name] for other, name in names.items()}
        self.classes, self.single_label = self._classes(getattr(config, "labels", "none"))
        if self.classes:
            shape, dtype = (
                ([None], tf.int64) if self.single_label else ([None, len(self.classes)], tf.float32)
            )
            self.element_spec["label"] = tf.TensorSpec(shape, dtype)
        self.checksum = manifest.checksum(found, train.part_names)

    def _vocabulary(self):
        config, train = self.config, self.split("train")
        if self.semantics == "none" and config.annotated_percent == 100 and not config.sentences:
            path = manifest.side_file(self.prepared_dir, self.manifest, VOCABULARY)
            return Vocabulary.read(path, config.min_word_count, self.tokenizer)
        texts = train.texts[self.known_texts].tolist()
        if self.semantics != "none":
            texts += train.semantics[self.other_pictures].tolist()
        return Vocabulary.from_texts(texts, config.min_word_count, self.tokenizer)

    def _classes(self, kind):
        if kind == "none":
            return (), False
        if kind == "words":
            texts = self.split("train").texts[self.known_texts]
            words = word_labels.frequent_words(texts, self.config.label_words, self.tokenizer)
            return words, False
        if not self.manifest.get("classes"):
            raise UserError(f"--labels=set: {self.prepared_dir} has no classes; use --labels=words")
        return tuple(self.manifest["classes"]), self.manifest["single_label"]

    @functools.cached_property
    def image_encoder(self):
        """The `ImageEncoder` that prepares the pixels.

        Raises:
          UserError: its pictures have no one size, or it is no Keras network.
        """
        encoder = encoders.image_encoder(self.config.image_encoder)
        if encoder.size is None or encoder.resources:
            raise UserError(
                f"--train_image_encoder: {encoder.name} cannot be trained here; take one with pictures of one size, "
                "such as resnet50"
            )
        return encoder

    @functools.cached_property
    def known_texts(self):
        """int64: rows of the training texts that are known, those of `annotated_percent` of the pictures.

        The pictures are shuffled once, with the same seed in every run; of each the first `sentences` are taken.
        """
        image_of_text, config = self.split("train").image_of_text, self.config
        pictures = image_of_text.max() + 1
        shuffled = np.random.default_rng(SPARSE_SEED).permutation(pictures)
        # Rounded down, as A3VSE's tables do: 5 % of 113,287 pictures are 5,664.
        annotated = shuffled[: max(1, int(pictures * config.annotated_percent / 100 + 1e-9))]
        order = np.argsort(image_of_text, kind="stable")
        first = np.searchsorted(image_of_text[order], image_of_text)
        place = np.argsort(order) - first  # of a text among those of its picture
        few = place < config.sentences if config.sentences else np.ones(len(place), bool)
        return np.flatnonzero(np.isin(image_of_text, annotated) & few)

    @functools.cached_property
    def other_pictures(self):
        """int64: rows of the training pictures without a known text; of all, where every picture has one."""
        train = self.split("train")
        others = np.setdiff1d(
            np.arange(len(train.image_part)), train.image_of_text[self.known_texts]
        )
        return others if len(others) else np.arange(len(train.image_part))

    @property
    def sizes(self):
        """What the `TrainSet` has to shuffle: known pairs and, with semantics, other pictures."""
        return (
            len(self.known_texts),
            *([len(self.other_pictures)] if self.semantics != "none" else []),
        )

    def split(self, split):
        """`MatchingSplit` of "train", "val" or "test"; UserError when there is no such split."""
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return MatchingSplit(self, split)

    def train_set(self):
        """`TrainSet` of the training pairs; one item is one (picture, text) pair, and with semantics another picture.

        All is held in memory but regions, pixels and large sentence vectors, which are read batch by batch.
        """
        train = self.split("train")
        with tf.device("cpu"):  # a large constant must not take the accelerator's memory
            images, texts = train.image_reader(), train.text_reader(self.known_texts)
            image_of_text = tf.constant(train.image_of_text[self.known_texts])
            targets = tf.constant(train.targets()) if self.classes else None
            if self.semantics != "none":
                others = tf.constant(self.other_pictures)
                other_texts = tf.constant(train.word_numbers(train.semantics[self.other_pictures]))

        def fetch(indices, noise):
            """See `TrainSet`."""
            rows = indices[:, 0]
            image_id = tf.gather(image_of_text, rows)
            batch = {"image": images(image_id, noise), "text": texts(rows), "image_id": image_id}
            if self.classes:
                batch["label"] = tf.gather(targets, image_id)
            if self.semantics != "none":
                other_id = tf.gather(others, indices[:, 1])
                other_text = tf.gather(other_texts, indices[:, 1])
                batch |= {
                    "other_image": images(other_id, noise),
                    "other_text": other_text,
                    "other_id": other_id,
                }
            return batch

        return TrainSet(self.sizes, fetch, self.element_spec)


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
        found = [
            self.text_part.name,
            (self.image_part if self.data.pixels else self.image_feature_part).name,
        ]
        found += (
            [semantics_part(self.image_feature_part.name)] if self.data.semantics != "none" else []
        )
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
            raise UserError(
                f"{directory}: {name} has {known[name]['count']} rows instead of {count}; extract it again"
            )
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

    @functools.cached_property
    def semantics(self):
        """Array of str [N]: the words of the data's kind of semantics in each picture.

        Raises:
          UserError: the pictures' encoder tells no words.
        """
        name = semantics_part(self.image_feature_part.name)
        if name not in self.data.manifest["parts"]:
            raise UserError(
                f"--semantics={self.data.semantics}: {self.data.prepared_dir} has no words that "
                f"{self.data.config.image_encoder} found in the pictures of {self.name}; take an encoder that finds "
                "them, such as efficientnet_lite0_regions, or --semantics=none"
            )
        return _strings(data_part(self.data, name).all(self.data.semantics))

    @property
    def feature_shape(self):
        """Of one picture's feature: [D], or [R, D] of regions."""
        return self.image_feature_part.fields["feature"]["shape"]

    def image_features(self):
        """float32 [N, D], or [N, R, D] of regions."""
        return self.image_feature_part.all("feature").astype(np.float32, copy=False)

    def image_inputs(self):
        """What the image network reads: `image_features`, or `Pixels` [N, S, S, 3]."""
        return (
            Pixels(self.image_part, self.data.image_encoder)
            if self.data.pixels
            else self.image_features()
        )

    def image_reader(self):
        """Callable (rows int64 [B], noise float32 [B, 8] of pixels' augmentation) → what a batch has as "image".

        In TensorFlow ops; regions and pictures stay on the disk.
        """
        if self.data.pixels:
            return self.image_inputs().augmented
        part = self.image_feature_part
        if len(self.feature_shape) > 1:
            return lambda rows, noise: tf.cast(part.batch(rows)["feature"], tf.float32)
        features = tf.constant(self.image_features())
        return lambda rows, noise: tf.gather(features, rows)

    def text_inputs(self):
        """What the text network reads: int32 word numbers [T, max_words], or float32 features [T, D]."""
        if self.data.precomputed_text:
            return self.text_feature_part.all("feature")
        return self.word_numbers(self.texts)

    def text_reader(self, known):
        """Callable (rows int64 [B] of `known`, themselves rows of the texts) → what a batch has as "text".

        In TensorFlow ops; sentence vectors of more than `HELD_BYTES` stay on the disk.
        """
        if self.data.precomputed_text:
            part, width = (
                self.text_feature_part,
                self.text_feature_part.fields["feature"]["shape"][0],
            )
            if 4 * len(part) * width > HELD_BYTES:
                rows_of_known = tf.constant(known)
                return lambda rows: part.batch(tf.gather(rows_of_known, rows))["feature"]
        texts = tf.constant(self.text_inputs()[known])
        return lambda rows: tf.gather(texts, rows)

    def word_numbers(self, texts):
        """Array of str [T] → int32 [T, max_words]."""
        return self.data.vocabulary.lookup(
            tf.constant(texts.tolist()), self.data.config.max_words
        ).numpy()

    def targets(self):
        """Labels of the pictures: int64 [N] where each has one, else float32 [N, classes] of zeros and ones."""
        if self.data.config.labels == "words":
            known = self.data.known_texts if self.name == "train" else slice(None)
            return word_labels.targets(
                self.texts[known], self.image_of_text[known], self.data.classes, self.data.tokenizer
            )
        several = self.image_part.all("labels")
        return several.argmax(axis=1) if self.data.single_label else several.astype(np.float32)

    def picture(self, row):
        """JPEG or PNG bytes of one picture."""
        return self.image_part.batch(tf.constant([row], tf.int64))["picture"].numpy()[0]


def data_part(data, name):
    """The `records.Part` called `name` of a loaded data set."""
    return records.Part(data.prepared_dir, data.manifest, name)


def _strings(values):
    return np.array([value.decode() for value in values.tolist()])
