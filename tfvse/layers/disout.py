"""Regularisers that disturb features in training and do nothing afterwards."""

import keras
from keras import ops


class Disout(keras.layers.Layer):
    """Feature-map distortion: elements drawn at random take another value instead of zero (Tang et al., AAAI 2020).

    Of the paper only the abstract was at hand. It says that in training randomly selected elements of the feature maps
    are replaced by specific values, where dropout disables them, and that a bound of the generalisation error leads to
    these values. It does not say which values. Chosen here, for every example with mean m and deviation s over all its
    features:

        distorted = m + s · u,    u uniform in [-√3, √3],

    drawn for every element anew. The replaced elements keep the mean and the variance of the example's features, so
    nothing is rescaled, in training or at inference. The values are constants: no gradient flows through m and s.

    Float [B, …] to the same shape.
    """

    def __init__(self, rate, seed=None, **kwargs):
        """Args: share of the elements that are replaced, 0 to 1 without 1; seed as in `keras.layers.Dropout`."""
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, features, training=False):
        if not training or not self.rate:
            return features
        shape = ops.shape(features)
        exact = ops.stop_gradient(
            ops.cast(features, "float32")
        )  # a sum of squares overflows float16
        axes = tuple(range(1, len(features.shape)))
        mean, variance = ops.moments(exact, axes, keepdims=True)
        drawn = keras.random.uniform(shape, -(3**0.5), 3**0.5, "float32", seed=self.seed_generator)
        distorted = ops.cast(mean + ops.sqrt(variance) * drawn, features.dtype)
        chosen = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) < self.rate
        return ops.where(chosen, distorted, features)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


# The settings' names of what disturbs features in training; each is made with its rate.
REGULARIZERS = {"dropout": keras.layers.Dropout, "disout": Disout}
