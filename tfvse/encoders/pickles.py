"""Reads pickles of numbers without Python's unpickler: nothing in a file is imported or called.

A small machine goes through the opcodes that PyTorch and NumPy write; any other is refused. It makes
numbers, texts, bytes, tuples, lists and dicts. A class or function stays its name, and what it would
be called with stays beside it.
"""

import dataclasses
import io
import math
import pickletools
import struct
from typing import Any, NamedTuple

import numpy as np

from tfvse.encoders.array_files import is_shape

_MARK = object()
_BYTES_OF_FLOAT = 4
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")


class BadPickle(ValueError):
    """A pickle that cannot be used; the message says why in a few words."""


class Name(NamedTuple):
    """A class or function that a pickle names."""

    module: str
    name: str

    def __str__(self):
        return f"{self.module}.{self.name}"


@dataclasses.dataclass
class Call:
    """What a pickle asks for: `function` called with `arguments`, then given `state`."""

    function: Name
    arguments: tuple
    state: Any = None


@dataclasses.dataclass
class Reference:
    """What a pickle keeps outside of itself, such as the numbers of a tensor."""

    value: Any


def load(file: io.BytesIO) -> Any:
    """The value of one pickle; `file` then stands behind it.

    Returns:
      None, bool, int, float, str, bytes, `Name`, `Call`, `Reference`, and tuples, lists and dicts of
      them. Ordered dicts come as dicts. Keys are str or int.

    Raises:
      BadPickle: it is damaged, or holds anything else.
    """
    machine = _Machine()
    try:
        return machine.run(file)
    except BadPickle:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error):
        raise BadPickle("it is damaged or no pickle") from None


def array(value: Any) -> np.ndarray:
    """The float32 array that a pickle of NumPy's asks for, made of its bytes by hand.

    Raises:
      BadPickle: `value` is something else, or its bytes do not fill its shape.
    """
    try:
        _, shape, dtype, fortran, content = value.state
        known = value.function.name == "_reconstruct" and value.function.module in _NUMPY
        floats = dtype.arguments[0] == "f4" and dtype.state[1] == "<"
    except (AttributeError, TypeError, ValueError, IndexError, KeyError):
        raise BadPickle("it holds something else than arrays") from None
    if not known or not floats or not isinstance(content, bytes):
        raise BadPickle("it holds something else than arrays of float32")
    if not is_shape(shape) or len(content) != _BYTES_OF_FLOAT * math.prod(shape):
        raise BadPickle("an array and its shape differ in size")

    order = "F" if fortran is True else "C"
    return np.frombuffer(content, "<f4").reshape(shape, order=order)


class _Machine:
    """A stack, as the format has it, and a memo of values that are named again later."""

    def __init__(self):
        self._stack = []
        self._memo = {}

    def run(self, file):
        while True:
            opcode = pickletools.code2op[file.read(1).decode("latin-1")]
            if opcode.name == "STOP":
                return self._pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise BadPickle(f"the opcode {opcode.name} has no place in a file of numbers")
            step(self, _argument(opcode, file))

    def push(self, value):
        self._stack.append(value)

    def constant(self, value):
        """The value stands in the opcode."""
        self.push(value)

    def skip(self, _):
        """The protocol's version and the frames say nothing about the value."""

    def mark(self, _):
        self.push(_MARK)

    def put(self, number):
        self._memo[number] = self._top()

    def memoize(self, _):
        self.put(len(self._memo))

    def get(self, number):
        self.push(self._memo[number])

    def tuple(self, _):
        self.push(tuple(self._pop_to_mark()))

    def items(self, _):
        """SETITEMS: keys and values in turn, into the dict beneath the mark."""
        found = self._pop_to_mark()
        self._fill(found[::2], found[1::2])

    def item(self, _):
        value = self._pop()
        key = self._pop()
        self._fill([key], [value])

    def append(self, _):
        value = self._pop()
        self._list().append(value)

    def appends(self, _):
        values = self._pop_to_mark()
        self._list().extend(values)

    def name(self, name):
        """GLOBAL: module and name stand in the opcode."""
        self.push(name)

    def stack_name(self, _):
        name = self._pop()
        module = self._pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise BadPickle("it names a function by what is no text")
        self.push(Name(module, name))

    def call(self, _):
        arguments = self._pop()
        function = self._pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise BadPickle("it calls what is no function")
        ordered = function == ("collections", "OrderedDict")
        self.push(_ordered_dict(arguments) if ordered else Call(function, arguments))

    def build(self, _):
        """BUILD: the state of a call; that of an ordered dict is PyTorch's own business."""
        state = self._pop()
        value = self._top()
        if isinstance(value, Call):
            value.state = state

    def reference(self, _):
        self.push(Reference(self._pop()))

    def _fill(self, keys, values):
        target = self._top()
        if not isinstance(target, dict) or not all(isinstance(key, (str, int)) for key in keys):
            raise BadPickle("it holds a dict whose keys are no texts or numbers")
        target.update(zip(keys, values, strict=True))

    def _list(self):
        if not isinstance(self._top(), list):
            raise BadPickle("it adds to what is no list")
        return self._stack[-1]

    def _top(self):
        if self._stack[-1] is _MARK:
            raise BadPickle("it is damaged")
        return self._stack[-1]

    def _pop(self):
        value = self._top()
        self._stack.pop()
        return value

    def _pop_to_mark(self):
        values = []
        while self._stack[-1] is not _MARK:
            values.append(self._stack.pop())
        self._stack.pop()
        return values[::-1]


def _argument(opcode, file):
    """What stands behind an opcode, or None."""
    if opcode.name == "GLOBAL":  # pickletools would look for escapes in it
        module, name = (file.readline().decode("ascii").removesuffix("\n") for _ in range(2))
        return Name(module, name)
    return opcode.arg.reader(file) if opcode.arg else None


def _ordered_dict(arguments):
    """An ordered dict is called with nothing, or as Python 2 wrote it, with a list of pairs."""
    pairs = arguments[0] if arguments else ()
    if not all(isinstance(key, (str, int)) for key, _ in pairs):
        raise BadPickle("it holds a dict whose keys are no texts or numbers")
    return dict(pairs)


def _last(count):
    """The step that makes a tuple of the last `count` values."""

    def step(machine, _):
        values = [machine._pop() for _ in range(count)]
        machine.push(tuple(values[::-1]))

    return step


def _fresh(make):
    """The step that pushes what `make` makes."""
    return lambda machine, _: machine.push(make())


_CONSTANTS = (
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
)  # fmt: skip
_STEPS = {
    **dict.fromkeys(_CONSTANTS, _Machine.constant),
    "PROTO": _Machine.skip,
    "FRAME": _Machine.skip,
    "NONE": _fresh(lambda: None),
    "NEWTRUE": _fresh(lambda: True),
    "NEWFALSE": _fresh(lambda: False),
    "EMPTY_DICT": _fresh(dict),
    "EMPTY_LIST": _fresh(list),
    "EMPTY_TUPLE": _fresh(tuple),
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE": _Machine.tuple,
    "TUPLE1": _last(1),
    "TUPLE2": _last(2),
    "TUPLE3": _last(3),
    "SETITEM": _Machine.item,
    "SETITEMS": _Machine.items,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.reference,
}
