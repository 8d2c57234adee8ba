"""Principal components of the pictures' features, as a frozen network."""

import keras
import numpy as np
from keras import ops

from tfvse.errors import UserError


@keras.saving.register_keras_serializable("tfvse")
class SquareRoot(keras.layers.Layer):
    """√x, and 0 for negative numbers: evens out features after a ReLU, of which few are large."""

    def call(self, inputs):
        return ops.sqrt(ops.relu(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape


def create(kept: int, data) -> keras.Model:
    """Takes the features' square roots and turns them to the axes along which the training pictures vary most.

    Args:
      kept: components; 0 leaves the features as they are.
      data: loaded matching data set.

    Returns:
      Frozen model float32 [B, D] → [B, kept]; over the training pictures every component has mean 0, and the mean of
      their variances is 1.

    Raises:
      UserError: there are fewer numbers in a feature than components asked for.
    """
    inputs = keras.Input([data.element_spec["image"].shape[-1]])
    if not kept:
        return keras.Model(inputs, keras.layers.Identity()(inputs), name="image_encoder")
    if kept > inputs.shape[-1]:
        raise UserError(
            f"--image_components={kept}: a feature has {inputs.shape[-1]} numbers, so at most that many"
        )
    roots = np.sqrt(np.maximum(data.split("train").image_features(), 0)).astype(np.float64)
    mean = roots.mean(axis=0)
    variances, axes = np.linalg.eigh(
        np.cov(roots, rowvar=False, bias=True)
    )  # the largest come last
    axes = axes[:, ::-1][:, :kept] / np.sqrt(max(variances[::-1][:kept].mean(), 1e-12))
    return turned(inputs, SquareRoot(name="root")(inputs), (axes, -mean @ axes), "image_encoder")


def turned(inputs, hidden, weights, name) -> keras.Model:
    """Frozen model from symbolic `inputs` to `hidden` @ axes + bias; weights: (axes [D, K], bias [K])."""
    turn = keras.layers.Dense(weights[0].shape[1], name="turn")
    network = keras.Model(inputs, turn(hidden), name=name)
    turn.set_weights(weights)
    network.trainable = False
    return network
