"""Pooling of the words of a text into one vector, which ignores padding."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfvse.typing import Shape, Tensor


class MaskedPooling(keras.layers.Layer):
    """Base of layers that read the mask of an embedding with `mask_zero` and do not pass it on.

    Example:
      >>> from tfvse.layers import MaskedPooling
      >>> MaskedPooling().supports_masking
      True
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(
        self,
        inputs: Tensor,
        previous_mask: Tensor | None,
    ) -> None:
        """Ends the mask: the pooled vector [B, D] has no words that could be masked."""
        return None


@keras.saving.register_keras_serializable("tfvse")
class MaskedMean(MaskedPooling):
    """Mean over the words of each text.

    Call arguments:
      inputs: float [B, L, D], the words.
      mask: bool [B, L], True where there is a word; None: everywhere.

    Returns:
      float [B, D]; zeros for a text without a word.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import MaskedMean
      >>> words = ops.array([[[1.0], [3.0], [9.0]]])
      >>> mask = ops.array([[True, True, False]])
      >>> print(ops.convert_to_numpy(MaskedMean()(words, mask=mask)))
      [[2.]]
    """

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Averages [B, L, D] over the words."""
        if mask is None:
            return ops.mean(inputs, axis=1)
        weights = ops.cast(mask, inputs.dtype)
        weights = ops.expand_dims(weights, -1)
        total = ops.sum(inputs * weights, axis=1)
        count = ops.sum(weights, axis=1)
        return total / ops.maximum(count, 1.0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, L, D) → (B, D)."""
        batch, _, width = input_shape
        return (batch, width)


@keras.saving.register_keras_serializable("tfvse")
class MaskedMax(MaskedPooling):
    """Maximum over the words of each text.

    Call arguments:
      inputs: float [B, L, D], the words.
      mask: bool [B, L], True where there is a word; None: everywhere.

    Returns:
      float [B, D]; zeros for a text without a word.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import MaskedMax
      >>> words = ops.array([[[1.0], [3.0], [9.0]]])
      >>> mask = ops.array([[True, True, False]])
      >>> print(ops.convert_to_numpy(MaskedMax()(words, mask=mask)))
      [[3.]]
    """

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Takes the maximum of [B, L, D] over the words."""
        if mask is None:
            return ops.max(inputs, axis=1)
        lowest = ops.cast(float("-inf"), inputs.dtype)
        nothing = ops.cast(0.0, inputs.dtype)

        present = ops.expand_dims(mask, -1)
        words = ops.where(present, inputs, lowest)
        largest = ops.max(words, axis=1)

        has_words = ops.any(mask, axis=1, keepdims=True)
        return ops.where(has_words, largest, nothing)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, L, D) → (B, D)."""
        batch, _, width = input_shape
        return (batch, width)


@keras.saving.register_keras_serializable("tfvse")
class WeightedSum(MaskedPooling):
    """Weighted sum of the words, divided by the root of the sum of squared weights.

    The division keeps the vector of a text of many words from growing long.

    Call arguments:
      inputs: two tensors: the words, float [B, L, D], and their weights, float [B, L, 1].
      mask: for each of the two inputs bool [B, L] or None; that of the words is read.

    Returns:
      float [B, D]; zeros for a text without a word.

    Example:
      (3 · 5 + 4 · 10) / √(3² + 4²) = 11:

      >>> from keras import ops
      >>> from tfvse.layers import WeightedSum
      >>> words = ops.array([[[5.0], [10.0]]])
      >>> weights = ops.array([[[3.0], [4.0]]])
      >>> print(ops.convert_to_numpy(WeightedSum()([words, weights])))
      [[11.]]
    """

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
    ) -> Tensor:
        """Sums words [B, L, D] by their weights [B, L, 1]."""
        words, weights = inputs
        if mask is not None and mask[0] is not None:
            present = ops.cast(mask[0], weights.dtype)
            weights = weights * ops.expand_dims(present, -1)
        total = ops.sum(words * weights, axis=1)
        squares = ops.sum(ops.square(weights), axis=1)
        least = ops.cast(1e-6, squares.dtype)
        return total / ops.sqrt(ops.maximum(squares, least))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """((B, L, D), (B, L, 1)) → (B, D)."""
        batch, _, width = input_shape[0]
        return (batch, width)
