"""JSON of TensorFlow Serving's REST interface ↔ arrays.

Rows ("instances" → "predictions") and columns ("inputs" → "outputs"). Bytes travel as {"b64": …}; among outputs,
those whose name ends in "_bytes" do.
"""

import base64
import binascii
import json

import numpy as np
import tensorflow as tf

from tfvse.serving import models
from tfvse.serving.models import RequestError


def _invalid(message):
    return RequestError("INVALID_ARGUMENT", message)


def parse_body(data):
    """The bytes of a predict request → (signature name, its JSON object).

    Raises:
      RequestError: no JSON object, or a signature name that is no string.
    """
    try:
        body = json.loads(data)
    except RecursionError:
        raise _invalid("the body is JSON nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, a number of too many digits
        raise _invalid(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise _invalid("the body must be a JSON object")
    signature_name = body.get("signature_name", "serving_default")
    if not isinstance(signature_name, str):
        raise _invalid('"signature_name" must be a string')
    return signature_name, body


def parse_inputs(body, specs):
    """The inputs of a predict request.

    Args:
      body: dict, the JSON of the request.
      specs: input name → `tf.TensorSpec`.

    Returns:
      (name → np.ndarray, whether they came as rows).

    Raises:
      RequestError: neither rows nor columns, unknown or missing names, values that are no tensor of the dtype.
    """
    if ("instances" in body) == ("inputs" in body):
        raise _invalid('give exactly one of "instances" (rows) and "inputs" (columns)')
    rows = "instances" in body
    columns = _columns(body["instances"], specs) if rows else body["inputs"]
    if not rows and not (isinstance(columns, dict) and set(columns) != {"b64"}):
        columns = {_only(specs): columns}
    models.check_names("input", columns, specs)
    return {name: _tensor(name, value, specs[name].dtype) for name, value in columns.items()}, rows


def _only(specs):
    if len(specs) != 1:
        raise _invalid(f"name the inputs: {', '.join(sorted(specs))}")
    return next(iter(specs))


def _columns(instances, specs):
    if not isinstance(instances, list) or not instances:
        raise _invalid('"instances" must be a list of at least one row')
    if not all(isinstance(row, dict) and set(row) != {"b64"} for row in instances):
        return {_only(specs): instances}
    for row in instances:
        models.check_names("input", row, specs)
    for name, spec in specs.items():
        if spec.shape.rank == 0:
            raise _invalid(f'input {name!r} has no batch axis; use the column form {{"inputs": …}}')
    return {name: [row[name] for row in instances] for name in specs}


def _tensor(name, value, dtype):
    if dtype == tf.string:
        array = np.array(_bytes(name, value), object)
        if not all(isinstance(item, bytes) for item in array.flat):
            raise _invalid(f"input {name!r} must be strings in a regular list")
        return array
    try:
        array = np.array(value)
    except ValueError:
        raise _invalid(
            f"input {name!r} must be a regular list, every row of the same length"
        ) from None
    kinds = "iuf" if dtype.is_floating else "iu"
    if array.size and (
        array.dtype.kind not in kinds or not dtype.is_floating and not _fits(array, dtype)
    ):
        raise _invalid(f"input {name!r} must hold {dtype.name} numbers")
    return array.astype(dtype.as_numpy_dtype)


def _fits(array, dtype):
    return dtype.min <= array.min() and array.max() <= dtype.max


def _bytes(name, value):
    if isinstance(value, list):
        return [_bytes(name, item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise _invalid(f"input {name!r} holds a b64 that is not base64") from None
    raise _invalid(f'input {name!r} must be strings or {{"b64": …}}')


def render_outputs(outputs, rows):
    """The JSON answer of a predict request: {"predictions": rows} or {"outputs": columns}.

    Raises:
      RequestError: rows were asked for and the outputs have no batch axis in common.
    """
    values = {name: _jsonable(name, array.tolist()) for name, array in outputs.items()}
    if not rows:
        return {"outputs": values if len(values) > 1 else next(iter(values.values()))}
    sizes = {array.shape[:1] for array in outputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise _invalid('the outputs have no common batch axis; use the column form {"inputs": …}')
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    return {
        "predictions": [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    }


def _jsonable(name, value):
    if isinstance(value, list):
        return [_jsonable(name, item) for item in value]
    if not isinstance(value, bytes):
        return value
    return (
        {"b64": base64.b64encode(value).decode()}
        if name.endswith("_bytes")
        else value.decode("utf-8", "replace")
    )
