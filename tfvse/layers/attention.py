"""Attention that pools the entities of a sample, regions or words, into one vector."""

import keras
from keras import ops

from tfvse.layers.text import MaskedPooling

_NEVER = -1e9  # before a softmax, small enough for a weight of exactly 0


@keras.saving.register_keras_serializable("tfvse")
class ContextAttention(MaskedPooling):
    """Context-aware attention with several heads, eq. 1 of A3VSE (Huang et al., MM 2019).

    Head k compares every entity v_i with the mean of all: a_ik = tanh(P_k mean(v)) · tanh(Q_k v_i); its output is the
    sum of the entities weighted by softmax over i of temperature · a_ik. The outputs of the heads stand side by side.

    Takes float [B, N, D], mask bool [B, N], and gives [B, heads * D]; zeros for a sample without an entity.

    Args:
      heads: K.
      units: rows of each P_k and Q_k.
      temperature: λ of the softmax, constant; a product a_ik lies between -units and units.
    """

    def __init__(self, heads, units, temperature, **arguments):
        super().__init__(**arguments)
        self.heads, self.units, self.temperature = heads, units, temperature

    def build(self, input_shape):
        shape = [input_shape[-1], self.heads * self.units]
        self.context = self.add_weight(shape=shape, initializer="glorot_uniform", name="context")
        self.entity = self.add_weight(shape=shape, initializer="glorot_uniform", name="entity")
        self.built = True

    def attention(self, inputs, mask=None):
        """Weights of the entities: float32 [B, heads, N], each head's sum 1 where there is an entity."""
        present = ops.ones(ops.shape(inputs)[:2], "bool") if mask is None else mask
        present = ops.expand_dims(ops.cast(present, inputs.dtype), -1)
        mean = ops.sum(inputs * present, axis=1) / ops.maximum(ops.sum(present, axis=1), 1.0)
        queries = ops.reshape(
            ops.tanh(ops.matmul(mean, self.context)), [-1, self.heads, self.units]
        )
        keys = ops.tanh(ops.matmul(inputs, self.entity))
        keys = ops.reshape(keys, [-1, inputs.shape[1], self.heads, self.units])
        products = ops.cast(ops.einsum("bku,bnku->bkn", queries, keys), "float32")
        present = ops.cast(ops.expand_dims(present[..., 0], 1), "float32")
        scores = ops.where(present > 0, self.temperature * products, _NEVER)
        return ops.softmax(scores, axis=-1) * present

    def call(self, inputs, mask=None):
        weights = ops.cast(self.attention(inputs, mask), inputs.dtype)
        return ops.reshape(ops.matmul(weights, inputs), [-1, self.heads * inputs.shape[2]])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.heads * input_shape[2])

    def get_config(self):
        own = {"heads": self.heads, "units": self.units, "temperature": self.temperature}
        return {**super().get_config(), **own}
