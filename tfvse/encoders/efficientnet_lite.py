"""EfficientNet-Lite for inference (Tan and Le, ICML 2019; the Lite form: ReLU6, no squeeze-and-excitation).

The network is frozen, so batch normalisation is folded into the convolutions when the weights are loaded.
"""

import math

import keras
import numpy as np

DIM = 1280  # of a feature; Lite scales neither the stem nor the head
CLASSES = 1000
SIZES = {
    "efficientnet_lite0": 224,
    "efficientnet_lite1": 240,
    "efficientnet_lite2": 260,
}  # pixels, height and width

_STEM = 32
# width, depth
_SCALES = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
# kernel, blocks, stride of the first, expansion, channels of Lite0
_STAGES = [
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
]
_EPSILON = 1e-3


def normalize(pixels):
    """0 … 255 → the range the network was trained with; any tensor or array."""
    return (pixels - 127.0) / 128.0


def create(variant: str, logits: bool = False, size: int | None = None) -> keras.Model:
    """The network, with random weights.

    Args:
      variant: one of `SIZES`.
      logits: whether to end in the 1000 ImageNet class scores rather than in the pooled feature.
      size: height and width of the input in pixels; None: the variant's own.

    Returns:
      Model from float32 [B, size, size, 3], normalized by `normalize`, to float32 [B, 1280] or [B, 1000].
    """
    size = size or SIZES[variant]
    inputs = keras.Input([size, size, 3], name="image")
    x = _convolution(inputs, _STEM, 3, 2, "stem")
    block = 0
    for kernel, repeats, stride, expansion, channels in _stages(*_SCALES[variant]):
        for repeat in range(repeats):
            x = _inverted_residual(
                x, kernel, stride if repeat == 0 else 1, expansion, channels, f"block_{block}"
            )
            block += 1
    x = _convolution(x, DIM, 1, 1, "head")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if logits:
        x = keras.layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(inputs, x, name=variant)


def _stages(width, depth):
    """`_STAGES` scaled; Lite leaves the number of blocks of the first and the last stage as it is."""
    last = len(_STAGES) - 1
    for number, (kernel, repeats, stride, expansion, channels) in enumerate(_STAGES):
        repeats = repeats if number in (0, last) else math.ceil(repeats * depth)
        yield kernel, repeats, stride, expansion, _multiple_of_8(channels * width)


def _multiple_of_8(channels):
    """The nearest one that loses at most a tenth of the channels."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _convolution(x, channels, kernel, stride, name, activation="relu6"):
    return keras.layers.Conv2D(channels, kernel, stride, "same", activation=activation, name=name)(
        x
    )


def _inverted_residual(x, kernel, stride, expansion, channels, name):
    """Widen, filter each channel, narrow again; the input is added where the shapes agree."""
    y = x
    if expansion > 1:
        y = _convolution(y, x.shape[-1] * expansion, 1, 1, f"{name}_expand")
    y = keras.layers.DepthwiseConv2D(
        kernel, stride, "same", activation="relu6", name=f"{name}_depthwise"
    )(y)
    y = _convolution(y, channels, 1, 1, f"{name}_project", activation=None)
    return keras.layers.Add(name=f"{name}_add")([x, y]) if y.shape[1:] == x.shape[1:] else y


def load_torch_state(network: keras.Model, state: dict[str, np.ndarray]) -> None:
    """Puts a PyTorch state dict into a network of `create`, folding batch normalisation into convolutions.

    Args:
      network: changed in place.
      state: as `torch_state.read_state_dict` gives it.

    Raises:
      KeyError, ValueError: the state is another network's.
    """
    for layer in network.layers:
        if layer.name == "logits":
            layer.set_weights([state["_fc.weight"].T, state["_fc.bias"]])
        elif layer.weights:
            convolution, normalization = _torch_names(layer.name)
            layer.set_weights(_folded(state, convolution, normalization))


def _torch_names(name):
    """Names of the convolution and of its batch normalisation in the PyTorch state."""
    if name in ("stem", "head"):
        return f"_conv_{name}", {"stem": "_bn0", "head": "_bn1"}[name]
    _, block, part = name.split("_")
    number = ("expand", "depthwise", "project").index(part)
    return f"_blocks.{block}._{part}_conv", f"_blocks.{block}._bn{number}"


def _folded(state, convolution, normalization):
    """Kernel and bias of the convolution that equals convolution → batch normalisation."""
    gamma, beta, mean, variance = (
        state[f"{normalization}.{part}"]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    kernel = state[f"{convolution}.weight"]
    channels = kernel.shape[:1]
    if kernel.ndim != 4 or any(x.shape != channels for x in (gamma, beta, mean, variance)):
        raise ValueError(f"{convolution} and {normalization} differ in shape")

    with np.errstate(all="ignore"):  # looked for at the end
        scale = gamma / np.sqrt(variance + _EPSILON)
        kernel = kernel * scale[:, None, None, None]
        bias = beta - mean * scale
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError(f"{convolution} is not finite")

    # From [out, in, height, width], in = 1 for a depthwise one, to [height, width, in, out] or [.., channels, 1].
    layout = (2, 3, 0, 1) if "depthwise" in convolution else (2, 3, 1, 0)
    return [kernel.transpose(layout), bias]
