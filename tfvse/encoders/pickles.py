"""Reads pickles of numbers without Python's unpickler: nothing in a file is imported or called.

A small machine goes through the opcodes that PyTorch and NumPy write, and refuses any other. It
makes numbers, texts, bytes, tuples, lists and dicts. A class or function stays a name, with what it
would be called with beside it.
"""

import dataclasses
import io
import math
import pickletools
import struct
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np

from tfvse.encoders.array_files import is_shape
from tfvse.typing import Array

_MARK = object()
_BYTES_OF_FLOAT = 4
_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")


class BadPickle(ValueError):
    """A pickle that cannot be used; the message says why in a few words."""


class Name(NamedTuple):
    """A class or function that a pickle names."""

    module: str
    name: str

    def __str__(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.name}"


@dataclasses.dataclass
class Call:
    """What a pickle asks for: `function` called with `arguments`, then given `state`."""

    function: Name
    arguments: tuple[Any, ...]
    state: Any = None


@dataclasses.dataclass
class Reference:
    """What a pickle keeps outside of itself, such as the numbers of a tensor."""

    value: Any


def load(file: io.BytesIO) -> Any:
    """Reads the value of one pickle; `file` then stands behind it.

    Returns:
      None, bool, int, float, str, bytes, `Name`, `Call`, `Reference`, and tuples, lists and dicts
      of them. Ordered dicts come as dicts. Keys are str or int.

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


def array(value: Any) -> Array:
    """Makes the float32 array […] that a pickle of NumPy's asks for, of its bytes.

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

    order: Literal["C", "F"] = "F" if fortran is True else "C"
    return np.frombuffer(content, "<f4").reshape(shape, order=order)


class _Machine:
    """A stack, as the format has it, and a memo of values that are named again later."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, file: io.BytesIO) -> Any:
        """Goes through one pickle; gives its value."""
        while True:
            opcode = _OPCODES[file.read(1).decode("latin-1")]
            if opcode.name == "STOP":
                return self._pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise BadPickle(f"the opcode {opcode.name} has no place in a file of numbers")
            step(self, _argument(opcode, file))

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self._stack.append(value)

    def constant(self, value: Any) -> None:
        """Takes the value that stands in the opcode."""
        self.push(value)

    def skip(self, _: Any) -> None:
        """Passes over the protocol's version and the frames, which say nothing of the value."""

    def mark(self, _: Any) -> None:
        """Marks where the parts of a tuple, list or dict begin."""
        self.push(_MARK)

    def put(self, number: int) -> None:
        """Remembers the top of the stack under a number."""
        self._memo[number] = self._top()

    def memoize(self, _: Any) -> None:
        """Remembers the top of the stack under the next number."""
        self.put(len(self._memo))

    def get(self, number: int) -> None:
        """Takes a remembered value."""
        self.push(self._memo[number])

    def make_tuple(self, _: Any) -> None:
        """Makes a tuple of the values behind the mark."""
        self.push(tuple(self._pop_to_mark()))

    def items(self, _: Any) -> None:
        """Puts keys and values, in turn, into the dict beneath the mark."""
        found = self._pop_to_mark()
        self._fill(found[::2], found[1::2])

    def item(self, _: Any) -> None:
        """Puts one key and its value into a dict."""
        value = self._pop()
        key = self._pop()
        self._fill([key], [value])

    def append(self, _: Any) -> None:
        """Adds one value to a list."""
        value = self._pop()
        self._list().append(value)

    def appends(self, _: Any) -> None:
        """Adds the values behind the mark to the list beneath it."""
        values = self._pop_to_mark()
        self._list().extend(values)

    def name(self, name: Name) -> None:
        """Takes a class or function whose name stands in the opcode."""
        self.push(name)

    def stack_name(self, _: Any) -> None:
        """Takes a class or function whose module and name lie on the stack."""
        name = self._pop()
        module = self._pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise BadPickle("it names a function by what is no text")
        self.push(Name(module, name))

    def call(self, _: Any) -> None:
        """Notes a call; that of an ordered dict becomes a dict."""
        arguments = self._pop()
        function = self._pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise BadPickle("it calls what is no function")
        ordered = function == ("collections", "OrderedDict")
        self.push(_ordered_dict(arguments) if ordered else Call(function, arguments))

    def build(self, _: Any) -> None:
        """Notes the state of a call; that of an ordered dict is PyTorch's own and left out."""
        state = self._pop()
        value = self._top()
        if isinstance(value, Call):
            value.state = state

    def reference(self, _: Any) -> None:
        """Notes a value that the pickle keeps outside of itself."""
        self.push(Reference(self._pop()))

    def _fill(self, keys: list[Any], values: list[Any]) -> None:
        """Puts keys and values into the dict on top of the stack."""
        target = self._top()
        if not isinstance(target, dict) or not all(isinstance(key, (str, int)) for key in keys):
            raise BadPickle("it holds a dict whose keys are no texts or numbers")
        target.update(zip(keys, values, strict=True))

    def _list(self) -> list[Any]:
        """The list on top of the stack."""
        if not isinstance(self._top(), list):
            raise BadPickle("it adds to what is no list")
        return self._stack[-1]

    def _top(self) -> Any:
        """The value on top of the stack."""
        if self._stack[-1] is _MARK:
            raise BadPickle("it is damaged")
        return self._stack[-1]

    def _pop(self) -> Any:
        """Takes the value on top of the stack away."""
        value = self._top()
        self._stack.pop()
        return value

    def _pop_to_mark(self) -> list[Any]:
        """Takes the values down to the mark, and the mark, away."""
        values = []
        while self._stack[-1] is not _MARK:
            values.append(self._stack.pop())
        self._stack.pop()
        return values[::-1]


def _argument(opcode: pickletools.OpcodeInfo, file: io.BytesIO) -> Any:
    """What stands behind an opcode, or None."""
    if opcode.name == "GLOBAL":  # pickletools would look for escapes in it
        module = _line(file)
        name = _line(file)
        return Name(module, name)
    return opcode.arg.reader(file) if opcode.arg else None


def _line(file: io.BytesIO) -> str:
    """The next line, without its end."""
    return file.readline().decode("ascii").removesuffix("\n")


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """The dict of a call of OrderedDict: with nothing or, as Python 2 wrote it, with pairs."""
    pairs: Iterable[Any] = arguments[0] if arguments else ()
    if not all(isinstance(key, (str, int)) for key, _ in pairs):
        raise BadPickle("it holds a dict whose keys are no texts or numbers")
    return dict(pairs)


# What an opcode does: (machine, what stands behind the opcode).
_Step = Callable[[_Machine, Any], None]


def _last(count: int) -> _Step:
    """The step that makes a tuple of the last `count` values."""

    def step(
        machine: _Machine,
        _: Any,
    ) -> None:
        """Makes the tuple."""
        values = [machine._pop() for _ in range(count)]
        machine.push(tuple(values[::-1]))

    return step


def _value(value: Any) -> _Step:
    """The step that pushes one value that never changes."""

    def step(
        machine: _Machine,
        _: Any,
    ) -> None:
        """Pushes the value."""
        machine.push(value)

    return step


def _empty(make: Callable[[], Any]) -> _Step:
    """The step that pushes a new dict or list, as `make` makes it."""

    def step(
        machine: _Machine,
        _: Any,
    ) -> None:
        """Pushes the new value."""
        machine.push(make())

    return step


_CONSTANTS = (
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "LONG4",
    "BINFLOAT",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINBYTES",
    "SHORT_BINBYTES",
    "BINBYTES8",
)
_STEPS: dict[str, _Step] = {
    **dict.fromkeys(_CONSTANTS, _Machine.constant),
    "PROTO": _Machine.skip,
    "FRAME": _Machine.skip,
    "NONE": _value(None),
    "NEWTRUE": _value(True),
    "NEWFALSE": _value(False),
    "EMPTY_DICT": _empty(dict),
    "EMPTY_LIST": _empty(list),
    "EMPTY_TUPLE": _value(()),
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE": _Machine.make_tuple,
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
