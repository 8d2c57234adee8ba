"""Pooling the words of a text into one vector, blind to padding."""

import keras
from keras import ops


class MaskedPooling(keras.layers.Layer):
    """Base: reads the mask that an embedding with `mask_zero` sends along, and stops it."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.supports_masking = True

    def compute_mask(self, inputs, previous_mask):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])


@keras.saving.register_keras_serializable("tfvse")
class MaskedMean(MaskedPooling):
    """Mean over the words: float [B, L, D], mask bool [B, L] → [B, D]; zeros for a text without a word."""

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=1)
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        return ops.sum(inputs * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)


@keras.saving.register_keras_serializable("tfvse")
class MaskedMax(MaskedPooling):
    """Maximum over the words: float [B, L, D], mask bool [B, L] → [B, D]; zeros for a text without a word."""

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.max(inputs, axis=1)
        words = ops.where(ops.expand_dims(mask, -1), inputs, ops.cast(float("-inf"), inputs.dtype))
        some = ops.any(mask, axis=1, keepdims=True)
        return ops.where(some, ops.max(words, axis=1), ops.cast(0.0, inputs.dtype))


@keras.saving.register_keras_serializable("tfvse")
class WeightedSum(MaskedPooling):
    """Sum of the words by weight, over the root of the squared weights, so that many words do not make a long vector.

    Takes float [B, L, D] and weights [B, L, 1], mask bool [B, L] of either → [B, D]; zeros for a text without a word.
    """

    def call(self, inputs, mask=None):
        words, weights = inputs
        if mask is not None and mask[0] is not None:
            weights = weights * ops.expand_dims(ops.cast(mask[0], weights.dtype), -1)
        squared = ops.sum(ops.square(weights), axis=1)
        return ops.sum(words * weights, axis=1) / ops.sqrt(
            ops.maximum(squared, ops.cast(1e-6, squared.dtype))
        )

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(input_shape[0])
