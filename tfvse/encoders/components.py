"""Principal components of the images' features, as a frozen network."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfvse.errors import UserError
from tfvse.typing import Array, Shape, Tensor

_LEAST_VARIANCE = 1e-12  # keeps constant features out of a division by zero


@keras.saving.register_keras_serializable("tfvse")
class SquareRoot(keras.layers.Layer):
    """The square root, and 0 for negative numbers.

    It evens out features after a ReLU, of which few are large.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the roots: float […] → float […] of the same shape."""
        return ops.sqrt(ops.relu(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        return input_shape


def create(
    kept: int,
    data: Any,
) -> keras.Model:
    """Turns the features' square roots to the axes along which the training images vary most.

    Args:
      kept: components K; 0 leaves the features as they are.
      data: loaded matching data set; has `element_spec` and the split "train".

    Returns:
      Frozen model float32 [B, D] → [B, K]. Over the training images every component has mean 0, and
      the mean of the components' variances is 1.

    Raises:
      UserError: a feature has fewer dimensions than components are asked for.
    """
    inputs = keras.Input([data.element_spec["image"].shape[-1]])
    if not kept:
        return keras.Model(inputs, keras.layers.Identity()(inputs), name="image_encoder")
    if kept > inputs.shape[-1]:
        raise UserError(
            f"--image_components={kept}: a feature has {inputs.shape[-1]} numbers, so at most that "
            "many"
        )
    features = data.split("train").image_features()
    roots = np.sqrt(np.maximum(features, 0)).astype(np.float64)
    weights = _principal_axes(roots, kept)
    hidden = SquareRoot(name="root")(inputs)
    return turned(inputs, hidden, weights, "image_encoder")


def _principal_axes(
    points: Array,
    kept: int,
) -> tuple[Array, Array]:
    """The axes float64 [D, K] of points float64 [N, D], largest variance first, and bias [K]."""
    mean = points.mean(axis=0)
    covariance = np.cov(
        points,
        rowvar=False,
        bias=True,
    )
    rising, axes = np.linalg.eigh(covariance)
    variances = rising[::-1][:kept]

    scale = np.sqrt(max(variances.mean(), _LEAST_VARIANCE))
    axes = axes[:, ::-1][:, :kept] / scale
    return axes, -mean @ axes


def turned(
    inputs: Tensor,
    hidden: Tensor,
    weights: tuple[Array, Array],
    name: str,
) -> keras.Model:
    """Makes a frozen model that ends in a linear layer.

    Args:
      inputs: symbolic [B, …].
      hidden: symbolic [B, D], made from `inputs`.
      weights: (axes [D, K], bias [K]).
      name: of the model.

    Returns:
      Model from `inputs` to `hidden` @ axes + bias, float32 [B, K].
    """
    axes, _ = weights
    turn = keras.layers.Dense(axes.shape[1], name="turn")
    network = keras.Model(inputs, turn(hidden), name=name)
    turn.set_weights(weights)
    network.trainable = False
    return network
