"""Fusion modules: layers that turn S side outputs of one shape into one fused feature of that shape.

Source: chapter 2 of the thesis, section 2.2.1 (3) and figure 2.5. Each layer takes a list of S tensors
[batch, *field] of one shape and returns [batch, *field]; `field` is (K,) for a vector of K channels and
(height, width, channels) for maps.
"""

import math

import keras
from keras import ops


class LocallyConnectedFusion(keras.layers.Layer):
    """Weights of its own for every element of the field (figure 2.5c, eq. 2.3): prod(field) · (S + 1) parameters.

        fused[i] = activation(Σ_s kernel[i, s] · side_outputs[s][i] + bias[i])

    The kernel [*field, S] starts at 1 / S, the mean of the side outputs (0.333 for three); the bias [*field] at 0.
    """

    def __init__(self, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        branches = len(input_shape)
        weights_shape = self.weights_shape(tuple(input_shape[0][1:]))
        self.kernel = self.add_weight(
            name="kernel", shape=(*weights_shape, branches), initializer=keras.initializers.Constant(1 / branches)
        )
        bias_shape = self.bias_shape(tuple(input_shape[0][1:]))
        self.bias = self.add_weight(name="bias", shape=bias_shape, initializer="zeros")

    def weights_shape(self, field: tuple[int, ...]) -> tuple[int, ...]:
        """The shape over which weights differ, broadcast against `field`."""
        return field

    def bias_shape(self, field: tuple[int, ...]) -> tuple[int, ...]:
        """The same for the bias."""
        return self.weights_shape(field)

    def call(self, side_outputs):
        stacked = ops.stack(side_outputs, axis=-1)
        fused = ops.sum(stacked * self.kernel, axis=-1)
        # Spelt out, since LiteRT's converter stumbles over a bias of one number before a fully connected layer.
        return self.activation(fused + ops.broadcast_to(self.bias, ops.shape(fused)[1:]))

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def branch_weights(self):
        """Mean over the field of each side output's weight, and its deviation (figure 2.8): float32 [S] each."""
        kernel = ops.reshape(ops.cast(self.kernel, "float32"), (math.prod(self.kernel.shape[:-1]), -1))
        return ops.mean(kernel, axis=0), ops.std(kernel, axis=0)

    def get_config(self):
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}


class ConvolutionFusion(LocallyConnectedFusion):
    """One 1×1×S filter and bias shared by the whole field (figure 2.5b): S + 1 parameters."""

    def weights_shape(self, field):
        return (1,)


# The settings' names of the fusion modules. Sum fusion (figure 2.5a) has no weights.
FUSIONS = {
    "sum": keras.layers.Add,
    "convolution": ConvolutionFusion,
    "locally_connected": LocallyConnectedFusion,
}
