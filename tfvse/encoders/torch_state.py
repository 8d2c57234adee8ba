"""Reads a PyTorch state dict without PyTorch, and without letting the file run any code.

The file format is the one of `torch.save` before 1.6. Five pickles come first: magic number,
protocol, system information, the state dict with references to storages, the list of storages. Then
come every storage's length and raw bytes.
"""

import io
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfvse import reading
from tfvse.encoders import array_files, pickles
from tfvse.errors import UserError
from tfvse.typing import Array, PathLike

MAX_BYTES = 2**30  # of a file
_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, np.dtype] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_REBUILD = ("torch._utils", "_rebuild_tensor_v2")


class _View(NamedTuple):
    """Where a tensor's numbers lie in a storage, counted in numbers."""

    key: str
    dtype: np.dtype
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: PathLike) -> dict[str, Array]:
    """Reads a state dict of float32 and int64 tensors.

    Returns:
      Name → read-only array in PyTorch's own layout (convolutions are [out, in, height, width]).
      The arrays are views of the file's bytes and take no memory of their own.

    Raises:
      UserError: the file is missing, too large, damaged or holds anything but such tensors.
    """
    try:
        return _read(reading.read_bytes(path, MAX_BYTES))
    except reading.BadFile as error:
        raise UserError(f"Cannot read the weights {path}: {error.reason}.") from None
    except ValueError as error:
        raise UserError(f"{path} is not a whole PyTorch state dict: {error}.") from None


def _read(content: bytes) -> dict[str, Array]:
    """The tensors in the bytes of a file, by name; ValueError where it is damaged."""
    file = io.BytesIO(content)
    if pickles.load(file) != _MAGIC:
        raise ValueError("it does not begin with PyTorch's magic number")
    for _ in ("protocol", "system information"):
        pickles.load(file)

    tensors = pickles.load(file)
    if not isinstance(tensors, dict):
        raise ValueError("it holds something else than a dict")
    views = {name: _view(tensor) for name, tensor in tensors.items()}

    storages = _storages(file, content, {view.key: view.dtype for view in views.values()})
    return {name: _tensor(storages, view) for name, view in views.items()}


def _view(tensor: Any) -> _View:
    """What a call of PyTorch's asks for."""
    if isinstance(tensor, pickles.Call) and tensor.function != _REBUILD:
        raise ValueError(f"{tensor.function} has no place in a state dict")
    try:
        reference, first, shape, strides = tensor.arguments[:4]
        storage, key = reference.value[1:3]
    except (AttributeError, TypeError, ValueError, IndexError):
        raise ValueError("it holds something else than tensors") from None

    if not isinstance(storage, pickles.Name) or storage.module not in ("torch", "torch.cuda"):
        raise ValueError("it holds something else than tensors")
    if storage.name not in _DTYPES or not isinstance(key, str):
        raise ValueError(f"a tensor of {storage.name} is neither float32 nor int64")
    is_placed = type(first) is int and array_files.is_shape(shape)
    if not is_placed or not _are_strides(strides, shape):
        raise ValueError("a tensor has no shape")
    return _View(key, _DTYPES[storage.name], first, shape, strides)


def _are_strides(
    strides: Any,
    shape: tuple[int, ...],
) -> bool:
    """Whether they move on at every step: one number of a storage must not stand for many."""
    return (
        isinstance(strides, tuple)
        and len(strides) == len(shape)
        and all(type(stride) is int and stride >= 0 for stride in strides)
        and all(stride > 0 or size == 1 for stride, size in zip(strides, shape, strict=True))
    )


def _storages(
    file: io.BytesIO,
    content: bytes,
    dtypes: Mapping[str, np.dtype],
) -> dict[str, Array]:
    """The storages of a file, behind its pickles.

    Args:
      file: stands before the pickle that lists them.
      content: the whole file.
      dtypes: key → dtype of a storage.

    Returns:
      Key → array [N].
    """
    keys = pickles.load(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("it does not list its storages")

    found = {}
    at = file.tell()
    for key in keys:
        if key not in dtypes:
            raise ValueError(f"no tensor says what the storage {key[:40]} is")
        length = int.from_bytes(content[at : at + 8], "little", signed=True)
        end = at + 8 + length * dtypes[key].itemsize
        if length < 0 or end > len(content):
            raise ValueError("it ends too early")
        found[key] = np.frombuffer(content, dtypes[key], length, at + 8)
        at = end
    return found


def _tensor(
    storages: Mapping[str, Array],
    view: _View,
) -> Array:
    """The numbers that `view` describes; refuses one that reaches outside its storage."""
    storage = storages.get(view.key)
    if storage is None or storage.dtype != view.dtype:
        raise ValueError("a tensor has no storage of its own kind")

    last = view.first
    for size, stride in zip(view.shape, view.strides, strict=True):
        last += (size - 1) * stride
    if not 0 <= view.first <= last < len(storage) or math.prod(view.shape) > len(storage):
        raise ValueError("a tensor reaches outside its storage")

    in_bytes = [stride * storage.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(
        storage[view.first :], view.shape, in_bytes, writeable=False
    )
