"""TensorFlow's tensor messages ↔ arrays, where the sender is not trusted."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tfvse.serving.limits import Limits, invalid
from tfvse.typing import Array

_RANK = 8  # axes of a tensor; no signature has more
_POINTER = 8  # bytes that a string takes at least; its dtype has no size


def unpack(
    proto: Any,
    most_bytes: int,
) -> Array:
    """Reads the array in a `TensorProto`.

    Numbers may be one value for a whole shape: TensorFlow itself writes them so, and `most_bytes`
    bounds them. Strings may not: one of 100 bytes would become a thousand images that nobody sent.

    Args:
      proto: `TensorProto`.
      most_bytes: that the array may take; of strings, their pointers.

    Raises:
      ValueError: no known dtype, a shape that is none or is too large, or values that do not fill
        it. The message is the end of a sentence that begins with the tensor's name.
    """
    shape = _shape(proto)
    count = math.prod(shape)
    dtype = _dtype(proto)
    if count * (dtype.size or _POINTER) > most_bytes:
        raise ValueError(f"declares {count:,} elements, too many for one request")

    is_short = dtype == tf.string and len(proto.string_val) != count
    if is_short:
        raise ValueError(f"declares {count:,} strings and holds {len(proto.string_val):,}")

    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError, OverflowError):
        raise ValueError("has values that do not fill its shape") from None


def _shape(proto: Any) -> list[int]:
    """The declared shape; ValueError where there is none."""
    if proto.tensor_shape.unknown_rank:
        raise ValueError("declares no shape")
    if len(proto.tensor_shape.dim) > _RANK:
        raise ValueError(f"has more than {_RANK} axes")

    shape = [dim.size for dim in proto.tensor_shape.dim]
    if any(size < 0 for size in shape):
        raise ValueError("declares a negative size")
    return shape


def _dtype(proto: Any) -> tf.DType:
    """The declared dtype; ValueError where it is unknown."""
    try:
        return tf.as_dtype(proto.dtype)
    except TypeError:
        raise ValueError(f"is of no known kind ({proto.dtype})") from None


def inputs_of(
    request: Any,
    specs: Mapping[str, tf.TensorSpec],
    limits: Limits,
) -> dict[str, Array]:
    """Reads the inputs of a `PredictRequest`.

    Args:
      request: `PredictRequest`.
      specs: input name → `tf.TensorSpec`.
      limits: of the server.

    Returns:
      name → array of any shape.

    Raises:
      RequestError: names or dtypes other than those of `specs`, or a tensor that `unpack` refuses.
    """
    check_names("input", request.inputs, specs)
    return {
        name: _input(name, proto, specs[name], limits) for name, proto in request.inputs.items()
    }


def _input(
    name: str,
    proto: Any,
    spec: tf.TensorSpec,
    limits: Limits,
) -> Array:
    """The array of one input."""
    if proto.dtype != spec.dtype.as_datatype_enum:
        known = proto.dtype in types_pb2.DataType.values()
        given = types_pb2.DataType.Name(proto.dtype) if known else proto.dtype
        raise invalid(f"input {name!r} is {given}, must be {spec.dtype.name}")
    try:
        return unpack(proto, limits.request_bytes)
    except ValueError as error:
        raise invalid(f"input {name!r} {error}") from None


def check_names(
    what: str,
    given: Iterable[str],
    known: Iterable[str],
) -> None:
    """Raises RequestError unless the names `given` are the names `known`."""
    unknown = sorted(set(given) - set(known))
    missing = sorted(set(known) - set(given))
    if unknown:
        raise invalid(f"no {what} {unknown[0][:100]!r}; there are {', '.join(sorted(known))}")
    if missing:
        raise invalid(f"{what} {missing[0]!r} is missing")
