"""Bilinear pooling of two vectors, full and compact, and the signed square root that follows."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfvse.typing import Array, Shape, Tensor

_ROOT_EPSILON = 1e-8  # keeps the infinite slope of the root at 0 out of the gradient


def bilinear_pooling(a: Tensor, b: Tensor) -> Tensor:
    """Multiplies every element of one vector with every element of another (thesis, eq. 7.5).

    Args:
      a: float [B, M].
      b: float [B, N].

    Returns:
      float [B, M * N], the flattened outer product of each pair.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import bilinear_pooling
      >>> pooled = bilinear_pooling(ops.array([[2.0, 3.0]]), ops.array([[5.0, 7.0]]))
      >>> print(ops.convert_to_numpy(pooled))
      [[10. 14. 15. 21.]]
    """
    products = ops.einsum("bm,bn->bmn", a, b)
    width = a.shape[-1] * b.shape[-1]
    return ops.reshape(products, (-1, width))


def signed_root(x: Tensor) -> Tensor:
    """sign(x) √|x| of each element, with a slope that stays finite at 0.

    Args:
      x: float tensor of any shape.

    Returns:
      Tensor of the same shape and dtype.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import signed_root
      >>> print(ops.convert_to_numpy(signed_root(ops.array([4.0, -9.0]))).round(3))
      [ 2. -3.]
    """
    magnitude = ops.abs(x)
    root = ops.sqrt(magnitude + _ROOT_EPSILON) - _ROOT_EPSILON**0.5
    return ops.sign(x) * root


def count_sketch(
    width: int,
    dim: int,
    generator: np.random.Generator,
) -> Array:
    """Draws the matrix of a count sketch (Charikar, Chen, Farach-Colton, ICALP 2002).

    Each element of a vector is added, with a random sign, to one random element of the sketch.
    This is part of algorithm 2 in chapter 7 of the thesis.

    Args:
      width: number of elements M of the vector.
      dim: number of elements D of the sketch.
      generator: draws the places h and the signs s.

    Returns:
      float32 [M, D], one ±1 a row; `x @ matrix` is the sketch of x.

    Example:
      >>> import numpy as np
      >>> from tfvse.layers import count_sketch
      >>> matrix = count_sketch(3, 8, np.random.default_rng(0))
      >>> print(np.abs(matrix).sum(axis=1))
      [1. 1. 1.]
    """
    # Signs before places: the order of the draws decides what a seed gives.
    signs = generator.choice([-1.0, 1.0], size=width)
    places = generator.integers(dim, size=width)

    matrix = np.zeros([width, dim], np.float32)
    matrix[np.arange(width), places] = signs
    return matrix


@keras.saving.register_keras_serializable("tfvse")
class CompactBilinear(keras.layers.Layer):
    """Compact bilinear pooling of two vectors (Gao et al., CVPR 2016).

    This is algorithm 2 in chapter 7 of the thesis. The circular convolution of two count sketches
    is a count sketch of the outer product. It is computed as a product of Fourier transforms. The
    hash functions are drawn from `seed` and do not learn.

    Args:
      dim: number of elements of the result.
      seed: of the hash functions.

    Call arguments:
      inputs: two tensors, float [B, M] and float [B, N].

    Returns:
      float32 [B, dim], whatever the precision of the layer.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import CompactBilinear
      >>> pooled = CompactBilinear(dim=16)([ops.ones((2, 7)), ops.ones((2, 5))])
      >>> tuple(pooled.shape)
      (2, 16)
    """

    def __init__(
        self,
        dim: int,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.seed = seed

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Draws both sketch matrices, float32 [M, dim] and [N, dim]."""
        draw = _sketch_initializer(np.random.default_rng(self.seed))
        sketches = []
        for name, shape in zip("ab", input_shape, strict=True):
            sketch = self.add_weight(
                name=f"sketch_{name}",
                shape=(shape[-1], self.dim),
                initializer=draw,
                trainable=False,
                dtype="float32",
            )
            sketches.append(sketch)
        self.sketches = sketches

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Pools float [B, M] and float [B, N] into float32 [B, dim]."""
        transformed = []
        for x, sketch in zip(inputs, self.sketches, strict=True):
            # In float32 whatever the policy: sums of many products lose too much in half precision.
            x = ops.cast(x, "float32")
            matrix = ops.cast(sketch, "float32")
            sketched = ops.matmul(x, matrix)
            transformed.append(ops.rfft(sketched, fft_length=self.dim))

        # The product of the complex numbers a + ib and c + id.
        (a, b), (c, d) = transformed
        real = a * c - b * d
        imaginary = a * d + b * c
        return ops.irfft((real, imaginary), fft_length=self.dim)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """((B, M), (B, N)) → (B, dim)."""
        return (input_shape[0][0], self.dim)

    def compute_output_spec(self, inputs: Sequence[Tensor]) -> keras.KerasTensor:
        """The result's shape, and its dtype, which the layer's policy does not decide."""
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "dim": self.dim,
            "seed": self.seed,
        }


def _sketch_initializer(generator: np.random.Generator) -> Callable[..., Tensor]:
    """An initializer that draws a new sketch matrix from `generator` each time it is called."""

    def draw(
        shape: tuple[int, int],
        dtype: str | None = None,
    ) -> Tensor:
        """A sketch matrix of `shape`, [M, D]."""
        return ops.convert_to_tensor(count_sketch(*shape, generator), dtype)

    return draw
