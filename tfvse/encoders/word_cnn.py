"""Dual-Path's word CNN: residual blocks of convolutions over the words of a text.

Z. Zheng et al., "Dual-Path Convolutional Image-Text Embedding" (arXiv 1711.05535), as the authors'
public code has it. All layers are made from their widths.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from tfvse.layers.normalization import batch_normalization
from tfvse.preprocessing.text import RESERVED
from tfvse.typing import Shape, Tensor

WIDTH = 2048  # of the last block in the paper
_MOMENTUM = 0.9  # of the moving statistics; MatConvNet gives a batch a share of 0.1


class Group(NamedTuple):
    """Blocks of one width, for a last block of `WIDTH`.

    Attributes:
      blocks: how many.
      width: of their results.
      stride: of the first block.
      first_inner: width inside the first block.
      inner: width inside the others.
    """

    blocks: int
    width: int
    stride: int
    first_inner: int
    inner: int


GROUPS = (
    Group(3, 256, 1, 128, 64),
    Group(4, 512, 2, 512, 128),
    Group(6, 1024, 2, 1024, 256),
    Group(1, 2048, 1, 2048, 2048),
)

# The width of the last block must be a multiple of this, so that all others are whole.
STEP = WIDTH // min(group.inner for group in GROUPS)


@keras.saving.register_keras_serializable("tfvse")
class PlacedWords(keras.layers.Layer):
    """Leaves out the words that are not known, and moves texts in training.

    The n known words of a text stay in their order, without gaps. They begin at place 0. In
    training, with `shift`, they begin at one of 0 to L - n, drawn for each text.

    Attributes:
      shift: whether texts are moved in training.
    """

    def __init__(self, shift: bool = True, **kwargs: Any) -> None:
        """Moves texts if `shift`; `kwargs` as of a Keras layer."""
        super().__init__(**kwargs)
        self.shift = shift
        self.seed_generator = keras.random.SeedGenerator()

    def call(
        self,
        tokens: Tensor,
        training: bool = False,
    ) -> Tensor:
        """Places the known words.

        Args:
          tokens: int32 [B, L], numbers of words, 0 padding, 1 unknown.
          training: whether texts may be moved.

        Returns:
          int32 [B, L], 0 where no word is placed.
        """
        length = tokens.shape[1]
        known = ops.cast(tokens >= RESERVED, "int32")
        place = ops.cumsum(known, axis=1) - 1
        if self.shift and training:
            room = (
                length
                - ops.sum(
                    known,
                    axis=1,
                    keepdims=True,
                )
                + 1
            )
            noise = keras.random.uniform(
                ops.shape(room),
                dtype="float32",
                seed=self.seed_generator,
            )
            place += ops.cast(ops.floor(noise * ops.cast(room, "float32")), "int32")

        # lands[b, i, j]: word i of text b goes to place j.
        places = ops.arange(length, dtype="int32")
        lands = ops.cast(ops.equal(ops.expand_dims(place, 2), places), "int32")
        return ops.sum(ops.expand_dims(tokens * known, 2) * lands, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the tokens."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The settings that make the layer again."""
        return {**super().get_config(), "shift": self.shift}


@keras.saving.register_keras_serializable("tfvse")
class ZeroPadding(keras.layers.Layer):
    """Sets vectors to zero where there is no word; the mask of an embedding ends here."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes the arguments of a Keras layer."""
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(
        self,
        words: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Multiplies vectors float [B, L, D] with their mask, bool [B, L]: float [B, L, D]."""
        return words * ops.expand_dims(ops.cast(mask, words.dtype), -1)

    def compute_mask(
        self,
        inputs: Tensor,
        previous_mask: Tensor | None,
    ) -> None:
        """Ends the mask: the layers behind get none for the vectors [B, L, D]."""
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the vectors."""
        return input_shape


def residual_words(
    words: Tensor,
    width: int,
) -> Tensor:
    """Builds the network from word vectors to one vector.

    Args:
      words: symbolic float [B, L, D], zeros where there is no word.
      width: of the last block and of the result, a multiple of `STEP`; every other width scales
        with it.

    Returns:
      Symbolic float [B, width], not negative.
    """

    def scaled(full: int) -> int:
        """A width of the paper's network, scaled to this one."""
        return full * width // WIDTH

    x = batch_normalization(momentum=_MOMENTUM)(words)
    for group in GROUPS:
        outer = scaled(group.width)
        x = _block(x, outer, scaled(group.first_inner), group.stride, project=True)
        for _ in range(group.blocks - 1):
            x = _block(x, outer, scaled(group.inner), 1, project=False)
    return keras.layers.GlobalAveragePooling1D(name="pool")(x)


def _block(
    x: Tensor,
    width: int,
    inner: int,
    stride: int,
    project: bool,
) -> Tensor:
    """Builds one residual block: 1 x 1, 1 x 2 and 1 x 1 convolution, added to a shortcut.

    The middle convolution sees a word and the one before it.

    Args:
      x: float [B, L, C].
      width: W, of the result.
      inner: width of the first two convolutions.
      stride: of the block.
      project: whether the shortcut is a convolution of the input rather than the input.

    Returns:
      float [B, ⌈L / stride⌉, W].
    """
    shortcut = _convolution(x, width, 1, stride) if project else x
    x = keras.layers.ReLU()(_convolution(x, inner, 1, 1))
    x = keras.layers.ReLU()(_convolution(x, inner, 2, stride))
    # A block begins as its shortcut (Goyal et al. 2017): at their full size 40 layers would
    # multiply rounding errors.
    x = _convolution(x, width, 1, 1, scale="zeros")
    return keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))


def _convolution(
    x: Tensor,
    width: int,
    words: int,
    stride: int,
    scale: str = "ones",
) -> Tensor:
    """Convolution over `words` words, then batch normalisation that starts at `scale`."""
    padding = "causal" if words > 1 else "valid"  # causal: zeros on the left
    convolution = keras.layers.Conv1D(
        width,
        words,
        stride,
        padding,
        use_bias=False,
        kernel_initializer="he_normal",
    )
    normalization = batch_normalization(momentum=_MOMENTUM, gamma_initializer=scale)
    return normalization(convolution(x))
