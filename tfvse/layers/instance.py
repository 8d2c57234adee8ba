"""The classifier of the instance loss: one row of weights for every class, over all of them or a sample."""

import keras
from keras import ops

from tfvse.losses.instance import instance_loss, sampled_instance_loss


@keras.saving.register_keras_serializable("tfvse")
class InstanceClassifier(keras.layers.Layer):
    """Embeddings float [B, D], their classes int [B] and the classes int [G] of the whole batch → loss float32 [B].

    The weights [C, D] stay in float32 whatever the precision: a cast would touch every row of them.

    Args:
      classes: C.
      sampled: classes that are drawn in each step for `sampled_instance_loss`, at most C; 0: `instance_loss`.
    """

    def __init__(self, classes, sampled=0, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.classes, self.sampled = classes, sampled
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.weights_of_classes = self.add_weight(
            name="classes", shape=(self.classes, input_shape[0][-1]), initializer="glorot_uniform"
        )

    def call(self, inputs):
        embeddings, labels, batch_labels = inputs
        if not self.sampled:
            return instance_loss(embeddings, self.weights_of_classes, labels)
        # Every replica draws the same classes, since all of them have drawn as often before.
        shuffled = keras.random.shuffle(
            ops.arange(self.classes, dtype=labels.dtype), seed=self.seed_generator
        )
        drawn = shuffled[: self.sampled]
        return sampled_instance_loss(
            embeddings, self.weights_of_classes, labels, batch_labels, drawn
        )

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        return super().get_config() | {"classes": self.classes, "sampled": self.sampled}
