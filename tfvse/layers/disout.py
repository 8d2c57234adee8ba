"""Regularisers that disturb features during training and do nothing at inference."""

from typing import Any

import keras
from keras import ops

from tfvse.typing import Shape, Tensor


class Disout(keras.layers.Layer):
    """Feature map distortion: replaces random elements by other values (Tang et al., AAAI 2020).

    Only the paper's abstract was available. It says that randomly selected elements of the feature
    maps are replaced by specific values during training, where dropout sets them to zero. It
    derives these values from a bound of the generalisation error but does not state them.

    This layer takes, for every example with mean m and deviation s over all its features,

        distorted = m + s · u,    u uniform in [-√3, √3],

    drawn anew for every element. The replaced elements keep the mean and the variance of the
    example's features, so nothing is rescaled, in training or at inference. The values are
    constants: no gradient flows through m and s.

    Args:
      rate: share of the elements that are replaced, 0 ≤ rate < 1.
      seed: as in `keras.layers.Dropout`.

    Call arguments:
      features: float [B, …].
      training: whether elements are replaced.

    Returns:
      Tensor of the shape and dtype of `features`.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import Disout
      >>> features = ops.array([[1.0, 2.0, 3.0]])
      >>> print(ops.convert_to_numpy(Disout(0.5)(features, training=False)))
      [[1. 2. 3.]]
      >>> tuple(Disout(0.5)(features, training=True).shape)
      (1, 3)
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(
        self,
        features: Tensor,
        training: bool = False,
    ) -> Tensor:
        """Distorts float [B, …] in training and returns it unchanged otherwise."""
        if not training or not self.rate:
            return features

        distorted = self._distorted(features)
        drawn = self._uniform(features, 0.0, 1.0)
        return ops.where(drawn < self.rate, distorted, features)

    def _distorted(self, features: Tensor) -> Tensor:
        """m + s · u for every element; shape and dtype of `features`."""
        # Moments in float32: a sum of squares overflows float16.
        exact = ops.stop_gradient(ops.cast(features, "float32"))
        axes = tuple(range(1, len(features.shape)))
        mean, variance = ops.moments(exact, axes, keepdims=True)

        drawn = self._uniform(features, -(3**0.5), 3**0.5)
        return ops.cast(mean + ops.sqrt(variance) * drawn, features.dtype)

    def _uniform(
        self,
        features: Tensor,
        low: float,
        high: float,
    ) -> Tensor:
        """float32 random numbers in [low, high), of the shape of `features`."""
        shape = ops.shape(features)
        return keras.random.uniform(shape, low, high, "float32", seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
        }


# Regularisers by the name that settings give them; each is made with its rate.
REGULARIZERS: dict[str, type[keras.layers.Layer]] = {
    "dropout": keras.layers.Dropout,
    "disout": Disout,
}
