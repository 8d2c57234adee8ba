"""JSON of strangers: bounded before it is parsed, checked before NumPy sees it.

It imports no TensorFlow: server and client share it.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tfvse.typing import Array

_AXES = 8  # of a tensor; no signature has more


def loads(
    data: bytes | bytearray,
    most: int,
) -> Any:
    """Parses JSON of at most `most` values.

    A value of two bytes takes a hundred when parsed, so values are counted first, by the marks
    before them. A mark within a text counts as well.

    Args:
      data: UTF-8 bytes.
      most: objects, lists and their members.

    Raises:
      ValueError: no JSON, or too much of it; the message ends a sentence that begins with "the
        body".
    """
    count = sum(data.count(mark) for mark in (b"[", b"{", b","))
    if count > most:
        raise ValueError(f"may hold {count:,} values, at most {most:,} are taken")
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("is JSON nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, a number of too many digits
        raise ValueError(f"is not JSON: {error}") from None


def flatten(value: Any) -> tuple[list, list[int]]:
    """Flattens a regular nested list.

    Returns:
      (leaves, row by row; shape, [] for a bare value).

    Raises:
      ValueError: lists of different lengths, or nested too deeply.
    """
    shape: list[int] = []
    leaves = [value]
    while leaves and isinstance(leaves[0], list):
        if len(shape) == _AXES:
            raise ValueError("must not be nested so deeply")
        shape.append(len(leaves[0]))
        _require_rows(leaves, shape[-1])
        leaves = [leaf for row in leaves for leaf in row]

    if any(isinstance(leaf, list) for leaf in leaves):
        raise ValueError("must be a regular list, every row of the same length")
    return leaves, shape


def _require_rows(
    rows: list[Any],
    length: int,
) -> None:
    """Raises ValueError unless all `rows` are lists of `length`."""
    for row in rows:
        if not isinstance(row, list) or len(row) != length:
            raise ValueError("must be a regular list, every row of the same length")


def numbers(
    value: Any,
    dtype: Any,
) -> Array:
    """Makes an array of nested lists of numbers.

    Args:
      value: number, or nested lists of them.
      dtype: NumPy's, of floats or of whole numbers.

    Returns:
      Array […] of the lists' shape.

    Raises:
      ValueError: no regular list, or leaves that are no numbers of this dtype.
    """
    dtype = np.dtype(dtype)
    leaves, shape = flatten(value)
    kinds = (int, float) if dtype.kind == "f" else (int,)
    if not all(type(leaf) in kinds for leaf in leaves):  # bool is a kind of int, and is not meant
        raise ValueError(f"must hold {dtype.name} numbers")
    try:
        with np.errstate(over="ignore"):  # a float beyond the largest is infinite
            return np.array(leaves, dtype).reshape(shape)
    except OverflowError:
        raise ValueError(f"must hold {dtype.name} numbers") from None


def strings(
    value: Any,
    to_bytes: Callable[[Any], bytes],
) -> Array:
    """Makes an object array of bytes of nested lists of texts or bytes.

    Args:
      value: one of them, or nested lists.
      to_bytes: function leaf → bytes; it raises ValueError.

    Returns:
      Array […] of the lists' shape.
    """
    leaves, shape = flatten(value)
    found = np.empty(len(leaves), object)
    for row, leaf in enumerate(leaves):
        found[row] = to_bytes(leaf)
    return found.reshape(shape)
