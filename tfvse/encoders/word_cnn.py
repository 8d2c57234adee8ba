"""Dual-Path's word CNN: residual blocks of convolutions over the words of a text, all built from widths.

Z. Zheng et al., "Dual-Path Convolutional Image-Text Embedding" (arXiv 1711.05535), as the authors' public code has it.
"""

import keras
from keras import ops

from tfvse.layers.normalization import batch_normalization
from tfvse.preprocessing.text import RESERVED

WIDTH = 2048  # of the last block in the paper
# (blocks, width, stride of the first, inner width of the first, inner width of the others), for a last block of WIDTH.
GROUPS = (
    (3, 256, 1, 128, 64),
    (4, 512, 2, 512, 128),
    (6, 1024, 2, 1024, 256),
    (1, 2048, 1, 2048, 2048),
)
STEP = WIDTH // min(
    inner for _, _, _, _, inner in GROUPS
)  # a last block must have a multiple of this


@keras.saving.register_keras_serializable("tfvse")
class PlacedWords(keras.layers.Layer):
    """Leaves the words out that are not known and, while training, begins each text at a random place.

    int32 [B, L] word numbers (0 padding, 1 unknown) → the same: the n known words of a text in their order, without
    gaps, from place 0 on or, with `shift` in training, from one of 0 … L - n, drawn for each text.
    """

    def __init__(self, shift=True, **kwargs):
        super().__init__(**kwargs)
        self.shift = shift
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, tokens, training=False):
        """See the class."""
        length = tokens.shape[1]
        known = ops.cast(tokens >= RESERVED, "int32")
        place = ops.cumsum(known, axis=1) - 1
        if self.shift and training:
            room = length - ops.sum(known, axis=1, keepdims=True) + 1
            noise = keras.random.uniform(ops.shape(room), dtype="float32", seed=self.seed_generator)
            place += ops.cast(ops.floor(noise * ops.cast(room, "float32")), "int32")
        # lands[b, i, j]: word i of text b goes to place j.
        lands = ops.cast(
            ops.equal(ops.expand_dims(place, 2), ops.arange(length, dtype="int32")), "int32"
        )
        return ops.sum(ops.expand_dims(tokens * known, 2) * lands, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"shift": self.shift}


@keras.saving.register_keras_serializable("tfvse")
class ZeroPadding(keras.layers.Layer):
    """Zeros where there is no word: float [B, L, D] with the mask bool [B, L] of an embedding, which ends here."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, words, mask=None):
        return words * ops.expand_dims(ops.cast(mask, words.dtype), -1)

    def compute_mask(self, inputs, previous_mask):
        return None

    def compute_output_shape(self, input_shape):
        return input_shape


def residual_words(words, width):
    """The network from word vectors to one vector.

    Args:
      words: float tensor [B, L, D], zeros where there is no word.
      width: of the last block and of the result, a multiple of 32; every other width scales with it.

    Returns:
      float tensor [B, width], not negative.
    """

    def scale(full):
        return full * width // WIDTH

    x = batch_normalization(momentum=0.9)(words)
    for blocks, full, stride, first_inner, inner in GROUPS:
        x = _block(x, scale(full), scale(first_inner), stride, project=True)
        for _ in range(blocks - 1):
            x = _block(x, scale(full), scale(inner), 1, project=False)
    return keras.layers.GlobalAveragePooling1D(name="pool")(x)


def _block(x, width, inner, stride, project):
    """1 x 1, 1 x 2 (a word and the one before it) and 1 x 1 convolution, added to the input or its projection."""
    shortcut = _convolution(x, width, 1, stride) if project else x
    x = keras.layers.ReLU()(_convolution(x, inner, 1, 1))
    x = keras.layers.ReLU()(_convolution(x, inner, 2, stride))
    # A block begins as its shortcut (Goyal et al. 2017): at their full size 40 layers would multiply rounding errors.
    x = _convolution(x, width, 1, 1, scale="zeros")
    return keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))


def _convolution(x, width, words, stride, scale="ones"):
    padding = "causal" if words > 1 else "valid"  # causal: zeros on the left
    convolution = keras.layers.Conv1D(
        width, words, stride, padding, use_bias=False, kernel_initializer="he_normal"
    )
    # The share of 0.1 that a batch has in the moving statistics is MatConvNet's.
    return batch_normalization(momentum=0.9, gamma_initializer=scale)(convolution(x))
