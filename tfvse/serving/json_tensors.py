"""JSON of TensorFlow Serving's REST interface ↔ arrays.

Rows ("instances" → "predictions") and columns ("inputs" → "outputs"). Bytes travel as {"b64": …};
among outputs, those whose name ends in "_bytes" do.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfvse.serving import nested
from tfvse.serving.limits import invalid
from tfvse.serving.tensors import check_names
from tfvse.typing import Array


def parse_body(
    data: bytes | bytearray,
    most: int,
) -> tuple[str, dict[str, Any]]:
    """Parses the bytes of a predict request.

    Args:
      data: UTF-8.
      most: values that the JSON may hold.

    Returns:
      (signature name, the JSON object).

    Raises:
      RequestError: no JSON object, too many values, or a signature name that is no string.
    """
    try:
        body = nested.loads(data, most)
    except ValueError as error:
        raise invalid(f"the body {error}") from None
    if not isinstance(body, dict):
        raise invalid("the body must be a JSON object")

    signature_name = body.get("signature_name", "serving_default")
    if not isinstance(signature_name, str):
        raise invalid('"signature_name" must be a string')
    return signature_name, body


def parse_inputs(
    body: Mapping[str, Any],
    specs: Mapping[str, tf.TensorSpec],
) -> tuple[dict[str, Array], bool]:
    """Reads the inputs of a predict request.

    Args:
      body: the JSON object of the request.
      specs: input name → `tf.TensorSpec`.

    Returns:
      (name → array of any shape, whether they came as rows).

    Raises:
      RequestError: neither rows nor columns, unknown or missing names, values that are no tensor of
        the dtype.
    """
    if ("instances" in body) == ("inputs" in body):
        raise invalid('give exactly one of "instances" (rows) and "inputs" (columns)')
    rows = "instances" in body
    columns = _columns(body["instances"], specs) if rows else body["inputs"]
    if not rows and not (isinstance(columns, dict) and set(columns) != {"b64"}):
        columns = {_only(specs): columns}
    check_names("input", columns, specs)
    return {name: _tensor(name, value, specs[name].dtype) for name, value in columns.items()}, rows


def _only(specs: Mapping[str, tf.TensorSpec]) -> str:
    """The name of the only input."""
    if len(specs) != 1:
        raise invalid(f"name the inputs: {', '.join(sorted(specs))}")
    return next(iter(specs))


def _columns(
    instances: Any,
    specs: Mapping[str, tf.TensorSpec],
) -> dict[str, Any]:
    """Input name → its values, from rows."""
    if not isinstance(instances, list) or not instances:
        raise invalid('"instances" must be a list of at least one row')
    if not all(isinstance(row, dict) and set(row) != {"b64"} for row in instances):
        return {_only(specs): instances}

    for row in instances:
        check_names("input", row, specs)
    for name, spec in specs.items():
        if spec.shape.rank == 0:
            raise invalid(f'input {name!r} has no batch axis; use the column form {{"inputs": …}}')

    columns = {}
    for name in specs:
        columns[name] = [row[name] for row in instances]
    return columns


def _tensor(
    name: str,
    value: Any,
    dtype: tf.DType,
) -> Array:
    """The array that JSON says."""
    try:
        if dtype == tf.string:
            return nested.strings(value, _bytes)
        return nested.numbers(value, dtype.as_numpy_dtype)
    except ValueError as error:
        raise invalid(f"input {name!r} {error}") from None


def _bytes(value: Any) -> bytes:
    """A text or {"b64": …} as bytes; ValueError for anything else."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("holds a b64 that is not base64") from None
    raise ValueError('must be strings or {"b64": …}')


def render_outputs(
    outputs: Mapping[str, Array],
    rows: bool,
) -> dict[str, Any]:
    """Makes the JSON answer of a predict request.

    Args:
      outputs: name → array of any shape.
      rows: whether the inputs came as rows.

    Returns:
      {"predictions": rows} or {"outputs": columns}.

    Raises:
      RequestError: rows were asked for and the outputs have no batch axis in common.
    """
    values = {name: _jsonable(name, array.tolist()) for name, array in outputs.items()}
    if not rows:
        return {"outputs": values if len(values) > 1 else next(iter(values.values()))}
    sizes = {array.shape[:1] for array in outputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise invalid('the outputs have no common batch axis; use the column form {"inputs": …}')
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    predictions = []
    for row in zip(*values.values(), strict=True):
        predictions.append(dict(zip(values, row, strict=True)))
    return {"predictions": predictions}


def _jsonable(
    name: str,
    value: Any,
) -> Any:
    """Nested lists of an output as JSON has them."""
    if isinstance(value, list):
        return [_jsonable(name, item) for item in value]
    if not isinstance(value, bytes):
        return value
    if name.endswith("_bytes"):
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "replace")
