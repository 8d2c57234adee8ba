"""Writes PyTorch's old file format without PyTorch."""

import io
import pickle
import struct
import sys
import types
from unittest import mock

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    __module__ = "torch"


class LongStorage:
    __module__ = "torch"


def _rebuild_tensor_v2():
    """Stands for the function of PyTorch; only its name is written."""


_rebuild_tensor_v2.__module__ = "torch._utils"
TORCH = {
    "torch": types.SimpleNamespace(FloatStorage=FloatStorage, LongStorage=LongStorage),
    "torch._utils": types.SimpleNamespace(_rebuild_tensor_v2=_rebuild_tensor_v2),
}


class Storage:
    def __init__(self, key, array):
        self.key, self.array = key, array


class Tensor:
    def __init__(self, key, array):
        self.storage, self.array = Storage(key, array), array

    def __reduce__(self):
        strides = tuple(stride // self.array.itemsize for stride in self.array.strides)
        return _rebuild_tensor_v2, (self.storage, 0, self.array.shape, strides, False, {})


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            kind = FloatStorage if value.array.dtype == np.float32 else LongStorage
            return "storage", kind, value.key, "cpu", value.array.size, None


def dumps(value):
    file = io.BytesIO()
    with mock.patch.dict(sys.modules, TORCH):
        Pickler(file, 2).dump(value)
    return file.getvalue()


def state_dict_bytes(state):
    """The file of a dict of float32 and int64 arrays, each with a storage of its own."""
    arrays = {name: np.asarray(array) for name, array in state.items()}
    tensors = {name: Tensor(str(key), array) for key, (name, array) in enumerate(arrays.items())}
    head = [MAGIC, 1001, {"little_endian": True}, tensors, [str(key) for key in range(len(arrays))]]
    storages = [struct.pack("<q", array.size) + array.tobytes("A") for array in arrays.values()]
    return b"".join([*map(dumps, head), *storages])
