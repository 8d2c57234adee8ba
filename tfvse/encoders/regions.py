"""Pictures as sets of regions: the cells of a network's last feature map, each named by the network's own classifier.

A stand-in for an object detector that needs nothing beyond a classification network: its head is linear and stands
behind a mean over the cells, so it can be asked about each cell alone. The regions come best first, by the probability
of their most probable class.

The *regional words* of a picture are the names of its regions in this order, each name once. Its *global words* are
the class names of the whole picture whose probability is at least `GLOBAL_SHARE` of the highest one, in order of it.

`imagenet_classes.txt` holds the 1000 class names of ImageNet in the order of the networks' scores: of each the first
synonym in lower case, where breeds of dogs and cats and kinds of birds end in "dog", "cat" or "bird".
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

REGIONS = (
    36  # of a picture, at most; as in A3VSE (Huang et al., MM 2019) and the bottom-up features
)
GLOBAL_SHARE = 0.3  # A3VSE's threshold on the scores of global tags, which it normalises


def imagenet_names() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes."""
    return tuple(
        Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8").splitlines()
    )


@keras.saving.register_keras_serializable("tfvse")
class BestFirst(keras.layers.Layer):
    """The `kept` most confident cells: features [B, N, D], class scores [B, N, C] → [B, kept, D], classes [B, kept]."""

    def __init__(self, kept, **arguments):
        super().__init__(**arguments)
        self.kept = kept

    def call(self, features, scores):
        _, order = ops.top_k(ops.max(ops.softmax(scores), axis=-1), self.kept)
        classes = ops.take_along_axis(ops.argmax(scores, axis=-1), order, axis=1)
        return ops.take_along_axis(features, ops.expand_dims(order, -1), axis=1), classes

    def get_config(self):
        return {**super().get_config(), "kept": self.kept}


def network(inputs, feature_map, classifier, kept: int, name: str) -> keras.Model:
    """A network that gives regions.

    Args:
      inputs: symbolic [B, H, W, 3].
      feature_map: symbolic [B, h, w, D], made from `inputs`.
      classifier: linear layer [..., D] → [..., C] class scores.
      kept: regions, at most h · w.
      name: of the network.

    Returns:
      Model `inputs` → {"feature": float [B, kept, D]; "classes": int [B, kept], the most probable class of each
      region; "whole": float [B, C], class probabilities of the whole picture}.
    """
    _, height, width, dim = feature_map.shape
    cells = keras.layers.Reshape([height * width, dim], name="cells")(feature_map)
    scores = classifier(cells)
    features, classes = BestFirst(kept, name="best_first")(cells, scores)
    mean = keras.layers.GlobalAveragePooling1D(name="whole_scores")(scores)  # the head is linear
    whole = keras.layers.Softmax(name="whole")(mean)
    return keras.Model(inputs, {"feature": features, "classes": classes, "whole": whole}, name=name)


def describer(found: keras.Model, names: tuple[str, ...]):
    """What is kept of pictures: the features of their regions, and the words that name them.

    Args:
      found: as `network` gives it.
      names: of its classes.

    Returns:
      Callable float32 [B, H, W, 3] → np.ndarrays "feature" float16 [B, R, D], "regional" and "global" bytes [B], words
      with spaces between them.
    """
    graph = tf.function(lambda pixels: found(pixels, training=False), reduce_retracing=True)

    def words(classes):
        return " ".join(dict.fromkeys(names[number] for number in classes)).encode()

    def describe(pixels):
        """See `describer`."""
        outputs = {name: value.numpy() for name, value in graph(pixels).items()}
        return {
            "feature": outputs["feature"].astype(np.float16),
            "regional": np.array([words(row) for row in outputs["classes"]]),
            "global": np.array([words(likely(row)) for row in outputs["whole"]]),
        }

    return describe


def likely(probabilities: np.ndarray) -> np.ndarray:
    """Classes of at least `GLOBAL_SHARE` of the highest probability, the most probable first: [C] → int [n], n > 0."""
    order = np.argsort(-probabilities, kind="stable")
    return order[probabilities[order] >= GLOBAL_SHARE * probabilities.max()]
