"""What the matching family exports: encoders and search; for LiteRT the image encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from keras import ops

from tfvse import encoders
from tfvse.encoders.image_base import ImageEncoder
from tfvse.errors import UserError
from tfvse.evaluation import retrieval
from tfvse.export import graph
from tfvse.export.litert import LiteRTModel
from tfvse.export.signature import Signature
from tfvse.index.gallery import Gallery
from tfvse.index.similarity import Scorer, embed_in_batches

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingSplit
    from tfvse.systems.matching import MatchingSystem, Parts

Reader = tuple[Callable, Sequence[Any]]  # a function, and the resources that it needs
Answer = dict[str, tf.Tensor]  # output of a signature → tensor
Run = Callable[[np.ndarray], np.ndarray]  # a LiteRT model on many examples

LITERT_IMAGES = 200  # of the gallery, on which a LiteRT model is measured
CALIBRATION_IMAGES = 100  # of the training split, from which int8 ranges are taken

IMAGE = {"image": ("string", (None,))}
TEXT = {"text": ("string", (None,))}
K = {"k": ("int32", ())}


def image_reader(system: MatchingSystem) -> Reader:
    """How an exported model reads images.

    Returns:
      (function, resources): image files, string [B] → what the image network reads, and what the
      model must hold for it besides variables.
    """
    encoder = encoders.image_encoder(system.config.image_encoder)
    return (encoder.pixels if system.pixels else encoder), encoder.resources


def text_reader(system: MatchingSystem, data: MatchingData) -> Reader:
    """How an exported model reads texts.

    Returns:
      (function, resources): string [B] → what the text network reads, and what the model must hold
      for it besides variables.
    """
    config = system.config
    vocabulary = data.vocabulary
    if vocabulary is None:
        encoder = encoders.text_features(config.text_encoder, data.prepared_dir)
        return encoder, encoder.resources

    def read(text: tf.Tensor) -> tf.Tensor:
        """Texts, string [B] → word ids, as the text network reads them."""
        return vocabulary.lookup(text, config.max_words)

    return read, (vocabulary.table,)


def signatures(system: MatchingSystem, data: MatchingData) -> dict[str, Signature]:
    """encode_image, encode_text, search (text → images) and search_by_image (image → texts)."""
    read_images, image_resources = image_reader(system)
    read_texts, text_resources = text_reader(system, data)

    def encode_image(image: tf.Tensor) -> Parts:
        """Image files, string [B] → the scored parts, float32 [B, D] each."""
        return system.embed_images(read_images(image))

    def encode_text(text: tf.Tensor) -> Parts:
        """Texts, string [B] → the scored parts, float32 [B, D] each."""
        return system.embed_texts(read_texts(text))

    def by_image(
        function: Callable,
        inputs: Mapping,
        example: Mapping,
    ) -> Signature:
        return Signature(graph.using(function, *image_resources), inputs, example)

    def by_text(
        function: Callable,
        inputs: Mapping,
        example: Mapping,
    ) -> Signature:
        return Signature(graph.using(function, *text_resources), inputs, example)

    split = system.gallery(data)
    search, search_by_image = _searches(system, data, encode_image, encode_text)
    images = [split.encoded(row) for row in range(2)]
    texts = [text.encode() for text in split.texts[:3]]
    image = {"image": np.array(images, object)}
    text = {"text": np.array(texts, object)}
    few = {"k": np.int32(5)}
    return {
        "encode_image": by_image(encode_image, IMAGE, image),
        "encode_text": by_text(encode_text, TEXT, text),
        "search": by_text(search, {**TEXT, **K}, {**text, **few}),
        "search_by_image": by_image(search_by_image, {**IMAGE, **K}, {**image, **few}),
    }


def _searches(
    system: MatchingSystem,
    data: MatchingData,
    encode_image: Callable[[tf.Tensor], Parts],
    encode_text: Callable[[tf.Tensor], Parts],
) -> tuple[Callable, Callable]:
    """(search, search_by_image) over the gallery, whose embeddings they hold."""
    split = system.gallery(data)
    embedded_images, embedded_texts = system.embed_split(split)
    image_hubness, text_hubness = system.hubness(data, embedded_images, embedded_texts)
    images = Gallery(embedded_images, system.config.fusion, image_hubness)
    texts = Gallery(embedded_texts, system.config.fusion, text_hubness)
    ids = tf.Variable(split.image_ids, trainable=False)
    sentences = tf.Variable(split.texts, trainable=False)
    owners = tf.Variable(split.image_ids[split.image_of_text], trainable=False)

    def search(text: tf.Tensor, k: tf.Tensor) -> Answer:
        """Texts, string [B] → ids and scores [B, k] of the images that match best."""
        scores, rows = images.best(encode_text(text), k)
        return {"ids": tf.gather(ids, rows), "scores": scores}

    def search_by_image(image: tf.Tensor, k: tf.Tensor) -> Answer:
        """Image files, string [B] → texts, ids and scores [B, k] of the texts that match best."""
        scores, rows = texts.best(encode_image(image), k)
        return {
            "texts": tf.gather(sentences, rows),
            "ids": tf.gather(owners, rows),
            "scores": scores,
        }

    return search, search_by_image


def litert_image_encoder(system: MatchingSystem, data: MatchingData) -> LiteRTModel:
    """Pixels as the encoder prepares them → the scored parts side by side, float32 [1, D].

    It is measured by text→image recall at 1 in the first `LITERT_IMAGES` images of the gallery.

    Raises:
      UserError: the image encoder takes images of any size.
    """
    encoder = encoders.image_encoder(system.config.image_encoder)
    if encoder.size is None:
        raise UserError(
            f"--litert: {encoder.name} takes images of any size; a LiteRT model needs one size"
        )

    def embed(image: tf.Tensor) -> tf.Tensor:
        features = image if system.pixels else encoder.encode(image)
        parts = system.embed_images(features)
        return ops.concatenate(list(parts.values()), axis=-1)

    split = system.gallery(data)
    seen = _pixels(encoder, split, LITERT_IMAGES)
    calibration = _pixels(encoder, data.split("train"), CALIBRATION_IMAGES)
    metric = _recall_at_1(system, split, seen)
    return LiteRTModel(embed, seen.shape[1:], calibration, metric)


def _pixels(
    encoder: ImageEncoder,
    split: MatchingSplit,
    most: int,
) -> np.ndarray:
    """The first `most` images of a split as the encoder reads them: float32 [n, S, S, 3]."""
    pixels = []
    for row in range(min(most, len(split.image_ids))):
        image = encoder.preprocess(split.encoded(row))
        pixels.append(image.numpy())
    return np.stack(pixels)


def _recall_at_1(
    system: MatchingSystem,
    split: MatchingSplit,
    seen: np.ndarray,
) -> Callable[[Run], tuple[str, float]]:
    """The metric of `LiteRTModel`: text→image among the images `seen`, the first of the split."""
    rows = np.flatnonzero(split.image_of_text < len(seen))
    texts = embed_in_batches(system.embed_texts, split.text_inputs(), rows)
    widths = [part.shape[1] for part in texts.values()]
    ends = np.cumsum(widths)[:-1]
    fusion = system.config.fusion

    def measure(run: Run) -> tuple[str, float]:
        parts = np.split(run(seen), ends, axis=1)
        images = dict(zip(texts, parts, strict=True))
        texts_for = Scorer(images, texts, fusion)
        images_for = Scorer(texts, images, fusion)
        owners = split.image_of_text[rows]
        result = retrieval.evaluate(texts_for, images_for, owners, bootstrap_samples=0)
        return "text→image R@1 (%)", result.metrics["t2i/R@1"]

    return measure
