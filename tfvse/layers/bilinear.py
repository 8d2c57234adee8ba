"""Bilinear pooling of two vectors, in full and compact, and the signed square root that follows it."""

import keras
import numpy as np
from keras import ops

_ROOT_EPSILON = 1e-8  # keeps the infinite slope of the root at 0 out of the gradient


def bilinear(a, b):
    """All products of an element of a with one of b (7.5): [B, M], [B, N] → [B, M · N]."""
    return ops.reshape(ops.einsum("bm,bn->bmn", a, b), (-1, a.shape[-1] * b.shape[-1]))


def signed_root(x):
    """sign(x) √|x|, with a slope that stays finite at 0; any shape."""
    return ops.sign(x) * (ops.sqrt(ops.abs(x) + _ROOT_EPSILON) - _ROOT_EPSILON**0.5)


def count_sketch(width, dim, generator):
    """The matrix of a count sketch (Charikar, Chen, Farach-Colton, ICALP 2002; algorithm 2 of chapter 7).

    Element j of a vector is added, with a random sign, to one random element of the sketch.

    Args:
        width: M, of the vector.
        dim: D, of the sketch.
        generator: np.random.Generator that draws the places h and the signs s.

    Returns:
        float32 [M, D], one ±1 a row; `x @ matrix` is the sketch of x.
    """
    matrix = np.zeros([width, dim], np.float32)
    matrix[np.arange(width), generator.integers(dim, size=width)] = generator.choice(
        [-1.0, 1.0], size=width
    )
    return matrix


@keras.saving.register_keras_serializable("tfvse")
class CompactBilinear(keras.layers.Layer):
    """Compact bilinear pooling of two vectors (Gao et al., CVPR 2016; algorithm 2 of chapter 7).

    The circular convolution of two count sketches is a count sketch of the outer product; it is a product of Fourier
    transforms. [B, M], [B, N] → float32 [B, dim]; the hash functions are drawn from `seed` and do not learn.
    """

    def __init__(self, dim, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.dim, self.seed = dim, seed

    def build(self, input_shape):
        generator = np.random.default_rng(self.seed)
        self.sketches = [
            self.add_weight(
                name=f"sketch_{name}", shape=(shape[-1], self.dim), trainable=False, dtype="float32",
                initializer=lambda shape, dtype=None: ops.convert_to_tensor(count_sketch(*shape, generator), dtype),
            )
            for name, shape in zip("ab", input_shape, strict=True)
        ]  # fmt: skip

    def call(self, inputs):
        # In float32 whatever the policy: sums of many products lose too much in half precision.
        (a, b), (c, d) = (
            ops.rfft(
                ops.matmul(ops.cast(x, "float32"), ops.cast(sketch, "float32")), fft_length=self.dim
            )
            for x, sketch in zip(inputs, self.sketches, strict=True)
        )
        return ops.irfft((a * c - b * d, a * d + b * c), fft_length=self.dim)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.dim)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(
            self.compute_output_shape([x.shape for x in inputs]), dtype="float32"
        )

    def get_config(self):
        return super().get_config() | {"dim": self.dim, "seed": self.seed}
