"""Reads the numbers of a PyTorch state dict without PyTorch, and without letting the file run any code.

The file format is the one of `torch.save` before 1.6: five pickles (magic number, protocol, system information, the
state dict with references to storages, the list of storages), then every storage's length and raw bytes.
"""

import collections
import pickle
from pathlib import Path

import numpy as np

from tfvse.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_Reference = collections.namedtuple("_Reference", "key offset shape strides")


class _Unpickler(pickle.Unpickler):
    """Knows ordered dicts and references to tensors; refuses every other class."""

    def __init__(self, file):
        super().__init__(file)
        self.dtypes = {}  # storage key → dtype

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, strides, *unused: _Reference(
                key, offset, shape, strides
            )
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a state dict")

    def persistent_load(self, reference):
        _, dtype, key, *_ = reference
        self.dtypes[key] = dtype
        return key


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Reads a state dict of float32 and int64 tensors.

    Returns:
      Arrays by name, in PyTorch's own layout (convolutions are [out, in, height, width]).

    Raises:
      UserError: the file is missing, damaged or holds anything but such tensors.
    """
    try:
        with open(path, "rb") as file:
            return _read(file)
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
        raise UserError(f"{path} is not a whole PyTorch state dict: {error}.") from None


def _read(file):
    if _Unpickler(file).load() != _MAGIC:
        raise ValueError("it does not begin with PyTorch's magic number")
    for _ in ("protocol", "system information"):
        _Unpickler(file).load()
    tensors = _Unpickler(file)
    references = tensors.load()
    storages = {key: _read_storage(file, tensors.dtypes[key]) for key in _Unpickler(file).load()}
    return {
        name: _tensor(storages[reference.key], reference) for name, reference in references.items()
    }


def _read_storage(file, dtype):
    length = int.from_bytes(file.read(8), "little", signed=True)
    content = file.read(length * dtype.itemsize)
    if length < 0 or len(content) != length * dtype.itemsize:
        raise ValueError("it ends too early")
    return np.frombuffer(content, dtype)


def _tensor(storage, reference):
    """A copy of the view that `reference` describes; refuses one that reaches outside its storage."""
    shape, strides, first = reference.shape, reference.strides, reference.offset
    last = first + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if (
        min(shape, default=1) < 1
        or min(strides, default=1) < 0
        or not 0 <= first <= last < len(storage)
    ):
        raise ValueError("a tensor reaches outside its storage")
    in_bytes = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[first:], shape, in_bytes).copy()
