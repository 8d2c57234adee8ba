"""A small system with every signature that the three families export, on made-up pictures and texts."""

import atexit
import functools
import pathlib
import shutil
import tempfile
import types

import keras
import numpy as np
import tensorflow as tf

from tfvse.export import graph, saved_model
from tfvse.export.litert import LiteRTModel
from tfvse.export.signature import Signature
from tfvse.index.gallery import top_k
from tfvse.preprocessing.decode import decode_image
from tfvse.preprocessing.text import Vocabulary
from tfvse.systems.base import System

WORDS = ("dog", "cat", "snow", "red", "house")
SIDE = 8


def picture(seed, height=20, width=30, jpeg=False):
    """Bytes of a picture of seeded noise, PNG or JPEG."""
    pixels = tf.constant(np.random.default_rng(seed).integers(0, 256, (height, width, 3)), tf.uint8)
    return (tf.io.encode_jpeg(pixels, quality=95) if jpeg else tf.io.encode_png(pixels)).numpy()


def _resized(pictures):
    """float32 [B, SIDE, SIDE, 3] of encoded pictures, string [B]."""

    def small(encoded):
        return tf.image.resize(decode_image(encoded), (SIDE, SIDE), antialias=True)

    return tf.ensure_shape(graph.map_images(small, pictures), [None, SIDE, SIDE, 3])


class Gallery:
    """What `MatchingData.split` gives, as far as export reads it."""

    image_ids = [f"picture {i}" for i in range(6)]
    texts = ["a dog", "a red cat", "snow", "a red house", "a dog in the snow", "house", "cat"]
    image_of_text = np.array([0, 1, 2, 3, 4, 5, 5])

    def picture(self, row):
        return picture(row)


class FakeSystem(System):
    """Networks of a few numbers and a signature of every name."""

    data_kind = "matching"
    limits = ("Its numbers mean nothing.",)

    def __init__(self, vocabulary):
        super().__init__(types.SimpleNamespace(system="fake"))
        keras.utils.set_random_seed(0)
        self.vocabulary = vocabulary
        self.image = keras.Sequential(
            [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
        )
        words = keras.layers.Embedding(vocabulary.size, 4)
        self.text = keras.Sequential(
            [keras.Input((5,), dtype="int32"), words, keras.layers.GlobalMaxPool1D()]
        )
        self.classifier = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
        )
        layers = [keras.layers.Conv2D(3, 3, padding="same", activation="tanh")]
        self.generator = keras.Sequential([keras.Input((None, None, 3)), *layers])

    def gallery(self, data):
        return Gallery()

    def embed_image(self, image):
        return tf.math.l2_normalize(self.image(_resized(image) / 255.0), axis=-1)

    def embed_text(self, text):
        return tf.math.l2_normalize(self.text(self.vocabulary.lookup(text, 5)), axis=-1)

    def signatures(self, data):
        gallery = self.gallery(data)
        pictures = np.array([gallery.encoded(row) for row in range(len(gallery.image_ids))], object)
        image_index = tf.Variable(self.embed_image(tf.constant(pictures)), trainable=False)
        text_index = tf.Variable(self.embed_text(tf.constant(gallery.texts)), trainable=False)
        ids, texts = (
            tf.Variable(gallery.image_ids, trainable=False),
            tf.Variable(gallery.texts, trainable=False),
        )
        classes = tf.constant(["dog", "cat", "bird"])

        def search(text, k):
            scores, rows = top_k(tf.matmul(self.embed_text(text), image_index, transpose_b=True), k)
            return {"ids": tf.gather(ids, rows), "scores": scores}

        def search_by_image(image, k):
            scores, rows = top_k(
                tf.matmul(self.embed_image(image), text_index, transpose_b=True), k
            )
            found = tf.gather(ids, tf.gather(gallery.image_of_text, rows))
            return {"texts": tf.gather(texts, rows), "ids": found, "scores": scores}

        def classify(image):
            probabilities, order = top_k(self.classifier(self.embed_image(image)), 3)
            return {"classes": tf.gather(classes, order), "probabilities": probabilities}

        def translate(image):
            return {"image_bytes": graph.translate(self.generator, image)}

        image, text, k = (
            {"image": ("string", (None,))},
            {"text": ("string", (None,))},
            {"k": ("int32", ())},
        )
        two = {"image": np.array([picture(1), picture(2, 33, 17, jpeg=True)], object)}
        queries = {"text": np.array(["a dog in the snow", "Zürich"], object)}
        table = self.vocabulary.table
        return {
            "encode_image": Signature(
                lambda image: {"latent": self.embed_image(image)}, image, two
            ),
            "encode_text": Signature(
                graph.using(lambda text: {"latent": self.embed_text(text)}, table), text, queries
            ),
            "search": Signature(graph.using(search, table), text | k, queries | {"k": np.int32(3)}),
            "search_by_image": Signature(search_by_image, image | k, two | {"k": np.int32(2)}),
            "classify": Signature(classify, image, two),
            "embed": Signature(lambda image: {"embedding": self.embed_image(image)}, image, two),
            "translate_a_to_b": Signature(translate, image, two),
            "translate_b_to_a": Signature(translate, image, two),
        }

    def litert_models(self, data):
        examples = np.random.default_rng(0).uniform(0, 1, (16, SIDE, SIDE, 3)).astype(np.float32)
        labels = np.argmax(np.asarray(self.classifier(self.image(examples))), axis=1)

        def error_rate(run):
            return "error rate (%)", 100 * np.mean(np.argmax(run(examples), axis=1) != labels)

        network = keras.Sequential([self.image, self.classifier])
        return {"classifier": LiteRTModel(network, (SIDE, SIDE, 3), examples, error_rate)}


DATA = types.SimpleNamespace(
    manifest={
        "data_set": "noise",
        "licence": "CC0",
        "source": "made up",
        "splits": {"train": {}, "test": {}},
    }
)
PROTOCOL = {"folds": 1, "chance": {"t2i/R@1": 2.5}}
REPORT = {"split": "test", "seed": 3, "protocol": PROTOCOL, "metrics": {"t2i/R@1": 12.5}}


def system(folder):
    """A `FakeSystem` whose vocabulary is a file in `folder`, so that it becomes an asset."""
    Vocabulary(WORDS).write(pathlib.Path(folder) / "vocabulary.txt")
    return FakeSystem(Vocabulary.read(pathlib.Path(folder) / "vocabulary.txt"))


@functools.cache
def exported():
    """(folder of models, the system): one export, with LiteRT, for all tests of this process."""
    folder = pathlib.Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "source").mkdir()
    made = system(folder / "source")
    data = types.SimpleNamespace(manifest=DATA.manifest, vocabulary=made.vocabulary)
    saved_model.export(made, data, REPORT, folder / "models", "fake", formats=("float32", "int8"))
    shutil.rmtree(
        folder / "source"
    )  # an export must not need the file its vocabulary was read from
    return folder / "models", made
