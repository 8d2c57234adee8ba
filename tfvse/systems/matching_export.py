"""What the matching family exports: encoders and search as signatures, the image encoder for LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from keras import ops

from tfvse import encoders
from tfvse.encoders.image import ImageEncoder
from tfvse.errors import UserError
from tfvse.evaluation import retrieval
from tfvse.export import graph
from tfvse.export.litert import LiteRTModel
from tfvse.export.signature import Signature
from tfvse.index.gallery import Gallery
from tfvse.index.similarity import Scorer, embed_in_batches

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingSplit
    from tfvse.systems.matching import MatchingSystem

LITERT_IMAGES = 200  # of the gallery, on which a LiteRT model is measured
CALIBRATION_IMAGES = 100  # of the training split, from which int8 ranges are taken

IMAGE = {"image": ("string", (None,))}
TEXT = {"text": ("string", (None,))}
K = {"k": ("int32", ())}


def image_reader(system: MatchingSystem) -> tuple[Callable, Sequence[Any]]:
    """(string [B], bytes of image files → what the image network reads, resources it needs)."""
    encoder = encoders.image_encoder(system.config.image_encoder)
    return (encoder.pixels if system.pixels else encoder), encoder.resources


def text_reader(system: MatchingSystem, data: MatchingData) -> tuple[Callable, Sequence[Any]]:
    """(string [B] → what the text network reads, resources that it needs)."""
    config = system.config
    if data.vocabulary is None:
        encoder = encoders.text_features(config.text_encoder, data.prepared_dir)
        return encoder, encoder.resources

    def read(text):
        return data.vocabulary.lookup(text, config.max_words)

    return read, (data.vocabulary.table,)


def signatures(system: MatchingSystem, data: MatchingData) -> dict[str, Signature]:
    """encode_image, encode_text, search (text → images) and search_by_image (image → texts)."""
    split = system.gallery(data)
    read_images, image_resources = image_reader(system)
    read_texts, text_resources = text_reader(system, data)
    embedded_images, embedded_texts = system.embed_split(split)
    image_hubness, text_hubness = system.hubness(data, embedded_images, embedded_texts)
    images = Gallery(embedded_images, system.config.fusion, image_hubness)
    texts = Gallery(embedded_texts, system.config.fusion, text_hubness)
    ids = tf.Variable(split.image_ids, trainable=False)
    sentences = tf.Variable(split.texts, trainable=False)
    owners = tf.Variable(split.image_ids[split.image_of_text], trainable=False)

    def encode_image(image):
        return system.embed_images(read_images(image))

    def encode_text(text):
        return system.embed_texts(read_texts(text))

    def search(text, k):
        scores, rows = images.best(encode_text(text), k)
        return {"ids": tf.gather(ids, rows), "scores": scores}

    def search_by_image(image, k):
        scores, rows = texts.best(encode_image(image), k)
        found = {"texts": tf.gather(sentences, rows), "ids": tf.gather(owners, rows)}
        return {**found, "scores": scores}

    image_example = {"image": np.array([split.picture(row) for row in range(2)], object)}
    text_example = {"text": np.array([text.encode() for text in split.texts[:3]], object)}
    few = {"k": np.int32(5)}

    def by_image(function, inputs, example):
        return Signature(graph.using(function, *image_resources), inputs, example)

    def by_text(function, inputs, example):
        return Signature(graph.using(function, *text_resources), inputs, example)

    return {
        "encode_image": by_image(encode_image, IMAGE, image_example),
        "encode_text": by_text(encode_text, TEXT, text_example),
        "search": by_text(search, {**TEXT, **K}, {**text_example, **few}),
        "search_by_image": by_image(search_by_image, {**IMAGE, **K}, {**image_example, **few}),
    }


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

    def embed(image):
        features = image if system.pixels else encoder.encode(image)
        return ops.concatenate(list(system.embed_images(features).values()), axis=-1)

    split = system.gallery(data)
    seen = _pixels(encoder, split, LITERT_IMAGES)
    calibration = _pixels(encoder, data.split("train"), CALIBRATION_IMAGES)
    metric = _recall_at_1(system, split, seen)
    return LiteRTModel(embed, seen.shape[1:], calibration, metric)


def _pixels(encoder: ImageEncoder, split: MatchingSplit, most: int) -> np.ndarray:
    count = min(most, len(split.image_ids))
    return np.stack([encoder.preprocess(split.picture(row)).numpy() for row in range(count)])


def _recall_at_1(system, split, seen):
    """The metric of `LiteRTModel`: text→image among the images `seen`, the first of the split."""
    rows = np.flatnonzero(split.image_of_text < len(seen))
    texts = embed_in_batches(system.embed_texts, split.text_inputs(), rows)
    ends = np.cumsum([part.shape[1] for part in texts.values()])[:-1]
    fusion = system.config.fusion

    def measure(run):
        images = dict(zip(texts, np.split(run(seen), ends, axis=1), strict=True))
        texts_for = Scorer(images, texts, fusion)
        images_for = Scorer(texts, images, fusion)
        owners = split.image_of_text[rows]
        result = retrieval.evaluate(texts_for, images_for, owners, bootstrap_samples=0)
        return "text→image R@1 (%)", result.metrics["t2i/R@1"]

    return measure
