"""Images as sets of regions: the cells of a network's last feature map, named by its classifier.

This stands in for an object detector and needs nothing beyond a classification network. The
network's head is linear and follows a mean over the cells, so it can classify each cell alone. The
regions come best first, by the probability of their most probable class.

The *regional words* of an image are the names of its regions in this order, each name once. Its
*global words* are names of classes of the whole image: those whose probability is at least
`GLOBAL_SHARE` of the highest one, in order of it.

`imagenet_classes.txt` holds the 1000 class names of ImageNet in the order of the networks' scores.
Of each it has the first synonym in lower case. Breeds of dogs and cats and kinds of birds end in
"dog", "cat" or "bird".
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfvse.typing import Array, Tensor

# Regions of an image at most, as in A3VSE (Huang et al., MM 2019) and the bottom-up features.
REGIONS = 36
GLOBAL_SHARE = 0.3  # A3VSE's threshold on the scores of global tags, which it normalises


def imagenet_names() -> tuple[str, ...]:
    """The names of ImageNet's 1000 classes."""
    path = Path(__file__).with_name("imagenet_classes.txt")
    return tuple(path.read_text(encoding="utf-8").splitlines())


@keras.saving.register_keras_serializable("tfvse")
class BestFirst(keras.layers.Layer):
    """Keeps the most confident cells, best first.

    Attributes:
      kept: how many, R.
    """

    def __init__(self, kept: int, **arguments: Any) -> None:
        """Keeps `kept` cells; `arguments` as of a Keras layer."""
        super().__init__(**arguments)
        self.kept = kept

    def call(
        self,
        features: Tensor,
        scores: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Selects cells.

        Args:
          features: float [B, N, D].
          scores: float [B, N, C], class scores.

        Returns:
          (features float [B, R, D], most probable classes int [B, R]).
        """
        confidence = ops.max(ops.softmax(scores), axis=-1)
        _, order = ops.top_k(confidence, self.kept)
        classes = ops.take_along_axis(ops.argmax(scores, axis=-1), order, axis=1)
        best = ops.take_along_axis(features, ops.expand_dims(order, -1), axis=1)
        return best, classes

    def get_config(self) -> dict[str, Any]:
        """The settings that make the layer again."""
        return {**super().get_config(), "kept": self.kept}


def network(
    inputs: Tensor,
    feature_map: Tensor,
    classifier: keras.layers.Layer,
    kept: int,
    name: str,
) -> keras.Model:
    """Makes a network that gives regions.

    Args:
      inputs: symbolic [B, H, W, 3].
      feature_map: symbolic [B, h, w, D], made from `inputs`.
      classifier: linear layer [..., D] → [..., C] class scores.
      kept: regions R, at most h · w.
      name: of the network.

    Returns:
      Model `inputs` → {"feature": float [B, R, D]; "classes": int [B, R], the most probable class
      of each region; "whole": float [B, C], class probabilities of the whole image}.
    """
    _, height, width, dim = feature_map.shape
    cells = keras.layers.Reshape([height * width, dim], name="cells")(feature_map)
    scores = classifier(cells)
    features, classes = BestFirst(kept, name="best_first")(cells, scores)

    # The head is linear: the mean of the cells' scores is the score of the cells' mean.
    mean = keras.layers.GlobalAveragePooling1D(name="whole_scores")(scores)
    whole = keras.layers.Softmax(name="whole")(mean)
    outputs = {"feature": features, "classes": classes, "whole": whole}
    return keras.Model(inputs, outputs, name=name)


def describer(
    found: keras.Model,
    names: Sequence[str],
) -> Callable[[tf.Tensor], dict[str, Array]]:
    """Makes the function that gives what is kept of images.

    Args:
      found: as `network` gives it.
      names: of its C classes.

    Returns:
      Callable float32 [B, H, W, 3] → arrays: "feature" float16 [B, R, D], the features of the
      regions; "regional" and "global" bytes [B], the words that name them, with spaces between.
    """

    @tf.function(reduce_retracing=True)
    def graph(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """The outputs of the network for float32 [B, H, W, 3]."""
        return found(pixels, training=False)

    def words(classes: Array) -> bytes:
        """The names of classes int [n], each once."""
        distinct = dict.fromkeys(names[number] for number in classes)
        return " ".join(distinct).encode()

    def describe(pixels: tf.Tensor) -> dict[str, Array]:
        """What is kept of float32 [B, H, W, 3]."""
        outputs = {name: value.numpy() for name, value in graph(pixels).items()}
        return {
            "feature": outputs["feature"].astype(np.float16),
            "regional": np.array([words(row) for row in outputs["classes"]]),
            "global": np.array([words(likely(row)) for row in outputs["whole"]]),
        }

    return describe


def likely(probabilities: Array) -> Array:
    """Selects the classes of at least `GLOBAL_SHARE` of the highest probability.

    Args:
      probabilities: float [C].

    Returns:
      int [n], n > 0, the most probable first.
    """
    order = np.argsort(-probabilities, kind="stable")
    is_likely = probabilities[order] >= GLOBAL_SHARE * probabilities.max()
    return order[is_likely]
