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
