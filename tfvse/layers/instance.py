"""The classifier of the instance loss: one row of weights for every class."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfvse.losses.instance import instance_loss, sampled_instance_loss
from tfvse.typing import Shape, Tensor


@keras.saving.register_keras_serializable("tfvse")
class InstanceClassifier(keras.layers.Layer):
    """Holds the classifier of the instance loss and computes the loss, exactly or by sampling.

    The loss is that of Z. Zheng et al., "Dual-Path Convolutional Image-Text Embedding"
    (arXiv 1711.05535). The weights [C, D] stay in float32 whatever the precision: a cast would
    touch every row of them.

    Args:
      classes: number of classes C.
      sampled: number of classes drawn in each step for `sampled_instance_loss`, at most C. With 0
        the loss is `instance_loss`, over all classes.

    Call arguments:
      inputs: three tensors: the embeddings, float [B, D]; their classes, int [B]; and the classes
        of the whole batch, int [G], which hold those of the embeddings.

    Returns:
      float32 [B], one loss for each embedding.

    Example:
      A zero vector is equally far from all classes and costs ln 8 = 2.079:

      >>> from keras import ops
      >>> from tfvse.layers import InstanceClassifier
      >>> labels = ops.array([5, 1])
      >>> losses = InstanceClassifier(classes=8)([ops.zeros((2, 4)), labels, labels])
      >>> print(ops.convert_to_numpy(losses).round(3))
      [2.079 2.079]
    """

    def __init__(
        self,
        classes: int,
        sampled: int = 0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.classes = classes
        self.sampled = sampled
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates the rows of all classes, [C, D]."""
        self.weights_of_classes = self.add_weight(
            name="classes",
            shape=(self.classes, input_shape[0][-1]),
            initializer="glorot_uniform",
        )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Computes float32 [B] from embeddings [B, D], their classes [B] and the batch's [G]."""
        embeddings, labels, batch_labels = inputs
        if not self.sampled:
            return instance_loss(embeddings, self.weights_of_classes, labels)

        # All replicas draw the same classes, since each of them has drawn equally often before.
        classes = ops.arange(self.classes, dtype=labels.dtype)
        shuffled = keras.random.shuffle(classes, seed=self.seed_generator)
        return sampled_instance_loss(
            embeddings,
            self.weights_of_classes,
            labels,
            batch_labels,
            drawn=shuffled[: self.sampled],
        )

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """((B, D), (B,), (G,)) → (B,)."""
        return input_shape[1]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "sampled": self.sampled,
        }
