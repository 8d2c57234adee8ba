"""Attention that pools the entities of a sample, regions or words, into one vector."""

from typing import Any

import keras
from keras import ops

from tfvse.layers.text import MaskedPooling
from tfvse.typing import Shape, Tensor

_NEVER = -1e9  # a score so low that the softmax gives exactly 0


@keras.saving.register_keras_serializable("tfvse")
class ContextAttention(MaskedPooling):
    """Context-aware attention with several heads (A3VSE, Huang et al., MM 2019, eq. 1).

    Head k compares every entity v_i with the mean of all entities:

        a_ik = tanh(P_k mean(v)) · tanh(Q_k v_i)

    Its output is the sum of the entities, weighted by the softmax over i of temperature · a_ik.
    The outputs of all heads are concatenated.

    Args:
      heads: number of heads K.
      units: rows of each P_k and Q_k.
      temperature: constant λ of the softmax. A product a_ik lies between -units and units.

    Call arguments:
      inputs: float [B, N, D], the entities.
      mask: bool [B, N], True where there is an entity; None: all are there.

    Returns:
      float [B, heads * D]; zeros for a sample without an entity.

    Example:
      At temperature 0 every entity has the same weight:

      >>> from keras import ops
      >>> from tfvse.layers import ContextAttention
      >>> attention = ContextAttention(heads=2, units=4, temperature=0.0)
      >>> entities = ops.array([[[1.0, 2.0], [3.0, 6.0]]])
      >>> print(ops.convert_to_numpy(attention(entities)))
      [[2. 4. 2. 4.]]
    """

    def __init__(
        self,
        heads: int,
        units: int,
        temperature: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.units = units
        self.temperature = temperature

    def build(self, input_shape: Shape) -> None:
        """Creates the weights P and Q of all heads, each [D, heads * units]."""
        shape = (input_shape[-1], self.heads * self.units)
        self.context = self.add_weight(
            name="context",
            shape=shape,
            initializer="glorot_uniform",
        )
        self.entity = self.add_weight(
            name="entity",
            shape=shape,
            initializer="glorot_uniform",
        )

    def attention(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Computes the weights of the entities.

        Args:
          inputs: float [B, N, D].
          mask: bool [B, N], or None.

        Returns:
          float32 [B, heads, N]. Each head's weights add up to 1 where there is an entity.
        """
        present = self._present(inputs, mask)

        total = ops.sum(inputs * present, axis=1)
        count = ops.sum(present, axis=1)
        mean = total / ops.maximum(count, 1.0)

        queries = ops.tanh(ops.matmul(mean, self.context))
        queries = ops.reshape(queries, [-1, self.heads, self.units])

        length = inputs.shape[1]
        keys = ops.tanh(ops.matmul(inputs, self.entity))
        keys = ops.reshape(keys, [-1, length, self.heads, self.units])

        products = ops.einsum("bku,bnku->bkn", queries, keys)
        products = ops.cast(products, "float32")
        present = ops.expand_dims(present[..., 0], 1)
        present = ops.cast(present, "float32")
        scores = ops.where(present > 0, self.temperature * products, _NEVER)

        # The softmax of a sample without an entity is uniform; the product makes it 0.
        return ops.softmax(scores, axis=-1) * present

    def _present(
        self,
        inputs: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        """1 where there is an entity and 0 elsewhere, [B, N, 1] of the inputs' dtype."""
        if mask is None:
            batch_and_length = ops.shape(inputs)[:2]
            mask = ops.ones(batch_and_length, "bool")
        present = ops.cast(mask, inputs.dtype)
        return ops.expand_dims(present, -1)

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Pools entities [B, N, D] into [B, heads * D]."""
        weights = self.attention(inputs, mask)
        weights = ops.cast(weights, inputs.dtype)
        pooled = ops.matmul(weights, inputs)
        width = self.heads * inputs.shape[2]
        return ops.reshape(pooled, [-1, width])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, N, D) → (B, heads * D)."""
        batch, _, width = input_shape
        return (batch, self.heads * width)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "heads": self.heads,
            "units": self.units,
            "temperature": self.temperature,
        }
