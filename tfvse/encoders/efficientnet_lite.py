"""EfficientNet-Lite for inference (Tan and Le, ICML 2019).

The Lite form has ReLU6 and no squeeze-and-excitation. The network is frozen, so batch normalisation
is folded into the convolutions when the weights are loaded.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tfvse.typing import Array, Tensor

DIM = 1280  # of a feature; Lite scales neither the stem nor the head
CLASSES = 1000

# Height and width of the input in pixels.
SIZES = {
    "efficientnet_lite0": 224,
    "efficientnet_lite1": 240,
    "efficientnet_lite2": 260,
}

# How many times as wide and as deep as Lite0.
_SCALES = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
_STEM = 32  # channels
_EPSILON = 1e-3  # of batch normalisation


class _Stage(NamedTuple):
    """Blocks of one width; `stride` is that of the first one, `channels` are those of Lite0."""

    kernel: int
    blocks: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(3, 1, 1, 1, 16),
    _Stage(3, 2, 2, 6, 24),
    _Stage(5, 2, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(5, 3, 1, 6, 112),
    _Stage(5, 4, 2, 6, 192),
    _Stage(3, 1, 1, 6, 320),
)


def normalize(pixels: Any) -> Any:
    """Scales pixels of 0 to 255, a tensor or array […], to what the network was trained with."""
    return (pixels - 127.0) / 128.0


def create(
    variant: str,
    logits: bool = False,
    size: int | None = None,
) -> keras.Model:
    """Makes the network, with random weights.

    Args:
      variant: one of `SIZES`.
      logits: whether it ends in the 1000 ImageNet class scores rather than in the pooled feature.
      size: height and width of the input in pixels; None: the variant's own.

    Returns:
      Model from float32 [B, size, size, 3], normalised by `normalize`, to float32 [B, 1280] or
      [B, 1000].
    """
    size = size or SIZES[variant]
    inputs = keras.Input([size, size, 3], name="image")
    x = _convolution(inputs, _STEM, 3, 2, "stem")
    block = 0
    width, depth = _SCALES[variant]
    for stage in _scaled_stages(width, depth):
        for repeat in range(stage.blocks):
            x = _inverted_residual(
                x,
                stage,
                is_first=repeat == 0,
                name=f"block_{block}",
            )
            block += 1

    x = _convolution(x, DIM, 1, 1, "head")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if logits:
        x = keras.layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(inputs, x, name=variant)


def _scaled_stages(
    width: float,
    depth: float,
) -> Iterator[_Stage]:
    """The stages of a variant. Lite keeps the number of blocks of the first and the last stage."""
    last = len(_STAGES) - 1
    for number, stage in enumerate(_STAGES):
        blocks = stage.blocks
        if 0 < number < last:
            blocks = math.ceil(blocks * depth)
        yield stage._replace(blocks=blocks, channels=_multiple_of_8(stage.channels * width))


def _multiple_of_8(channels: float) -> int:
    """The nearest multiple of 8 that loses at most a tenth of the channels."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _convolution(
    x: Tensor,
    channels: int,
    kernel: int,
    stride: int,
    name: str,
    activation: str | None = "relu6",
) -> Tensor:
    """A convolution of float [B, H, W, C] with its activation."""
    layer = keras.layers.Conv2D(
        channels,
        kernel,
        stride,
        "same",
        activation=activation,
        name=name,
    )
    return layer(x)


def _inverted_residual(
    x: Tensor,
    stage: _Stage,
    is_first: bool,
    name: str,
) -> Tensor:
    """Widens, filters each channel, narrows again; adds the input where the shapes agree."""
    stride = stage.stride if is_first else 1
    y = x
    if stage.expansion > 1:
        y = _convolution(y, x.shape[-1] * stage.expansion, 1, 1, f"{name}_expand")
    depthwise = keras.layers.DepthwiseConv2D(
        stage.kernel,
        stride,
        "same",
        activation="relu6",
        name=f"{name}_depthwise",
    )
    y = depthwise(y)
    y = _convolution(y, stage.channels, 1, 1, f"{name}_project", activation=None)
    if y.shape[1:] != x.shape[1:]:
        return y
    return keras.layers.Add(name=f"{name}_add")([x, y])


def load_torch_state(
    network: keras.Model,
    state: Mapping[str, Array],
) -> None:
    """Puts a PyTorch state dict into a network, with batch normalisation folded in.

    Args:
      network: as `create` makes it; changed in place.
      state: name → array of the shape that the layer has in PyTorch, as
        `torch_state.read_state_dict` gives it.

    Raises:
      KeyError, ValueError: the state is another network's.
    """
    for layer in network.layers:
        if layer.name == "logits":
            layer.set_weights([state["_fc.weight"].T, state["_fc.bias"]])
        elif layer.weights:
            convolution, normalization = _torch_names(layer.name)
            layer.set_weights(_folded(state, convolution, normalization))


def _torch_names(name: str) -> tuple[str, str]:
    """Names of a convolution and of its batch normalisation in the PyTorch state."""
    if name == "stem":
        return "_conv_stem", "_bn0"
    if name == "head":
        return "_conv_head", "_bn1"
    _, block, part = name.split("_")
    number = ("expand", "depthwise", "project").index(part)
    return f"_blocks.{block}._{part}_conv", f"_blocks.{block}._bn{number}"


def _folded(
    state: Mapping[str, Array],
    convolution: str,
    normalization: str,
) -> list[Array]:
    """[kernel, bias] of the convolution that equals convolution and batch normalisation."""
    gamma = state[f"{normalization}.weight"]
    beta = state[f"{normalization}.bias"]
    mean = state[f"{normalization}.running_mean"]
    variance = state[f"{normalization}.running_var"]
    kernel = state[f"{convolution}.weight"]
    channels = kernel.shape[:1]
    agree = all(array.shape == channels for array in (gamma, beta, mean, variance))
    if kernel.ndim != 4 or not agree:
        raise ValueError(f"{convolution} and {normalization} differ in shape")

    with np.errstate(all="ignore"):  # numbers that are not finite are refused below
        scale = gamma / np.sqrt(variance + _EPSILON)
        kernel = kernel * scale[:, None, None, None]
        bias = beta - mean * scale
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError(f"{convolution} is not finite")

    # From [out, in, height, width] to [height, width, in, out]. A depthwise one has in = 1 and
    # becomes [height, width, channels, 1].
    layout = (2, 3, 0, 1) if "depthwise" in convolution else (2, 3, 1, 0)
    return [kernel.transpose(layout), bias]
