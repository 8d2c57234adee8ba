"""Does the exported model compute what the Keras networks do? Measured in a fresh process, without this package."""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfvse.errors import UserError
from tfvse.export.signature import EXACT, FLOATS, LEVELS, Signature, Tolerance

_SCRIPT = pathlib.Path(__file__).with_name("fresh_process.py")
_MINUTES = 15


def verify(signatures, model_dir):
    """Compares each signature, run by a fresh process on its example, with its function run eagerly here.

    Args:
      signatures: name → `Signature`.
      model_dir: folder of the SavedModel.

    Returns:
      name → largest difference (float): of floats relative to max(1, largest magnitude), of PNGs in 1/255 levels, of
      label maps the part of the pixels that differ, of whole numbers and texts 0.

    Raises:
      UserError: a difference above the tolerance, or the model does not run without this package.
    """
    found = _run_in_fresh_process(signatures, model_dir)
    differences = {}
    for name, signature in signatures.items():
        inputs = {key: tf.constant(value) for key, value in example(signature).items()}
        expected = {key: np.asarray(tensor) for key, tensor in signature.function(**inputs).items()}
        checked = Outputs(name, signature, expected, found[name])
        differences[name] = max(checked.difference(key) for key in expected)
    return differences


def example(signature):
    """The example of a `Signature`: input name → np.ndarray of the declared dtype; texts are UTF-8 bytes."""
    return {
        key: tf.constant(signature.example[key], dtype).numpy()
        for key, (dtype, _) in signature.inputs.items()
    }


def _run_in_fresh_process(signatures, model_dir):
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = f"{scratch}/inputs.npz", f"{scratch}/outputs.npz"
        np.savez(inputs, **{
            f"{name}/{key}": np.frombuffer(tf.make_tensor_proto(value).SerializeToString(), np.uint8)
            for name, signature in signatures.items()
            for key, value in example(signature).items()
        })  # fmt: skip
        command = [sys.executable, "-I", str(_SCRIPT), str(model_dir), inputs, outputs]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        result = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=60 * _MINUTES
        )
        if result.returncode:
            reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"the exported model does not run in a fresh process: {reason}")
        found = {name: {} for name in signatures}
        with np.load(outputs) as stored:
            for key, value in stored.items():
                name, tensor = key.split("/")
                found[name][tensor] = tf.make_ndarray(
                    tensor_pb2.TensorProto.FromString(value.tobytes())
                )
    return found


class Outputs:
    """The outputs of one signature, before and after the export."""

    def __init__(self, name, signature, expected, found):
        self.name = name
        self.signature = signature
        self.expected = expected
        self.found = found

    def difference(self, key: str) -> float:
        """Of the output `key`, in the unit of its tolerance.

        Raises:
          UserError: another shape, or more than the tolerance.
        """
        wanted = self.expected[key]
        got = self.found[key]
        if wanted.shape != got.shape:
            raise UserError(
                f"signature {self.name}: {key} has shape {got.shape} after export, "
                f"{wanted.shape} before it"
            )
        tolerance = _tolerance(self.signature, key, wanted)
        value = self._measure(tolerance, wanted, got)
        if not value <= tolerance.bound:
            raise UserError(
                f"signature {self.name}: {key} differs by {value:.3g} from the Keras networks' "
                f"(at most {tolerance.bound:g})"
            )
        return value

    def _measure(self, tolerance, wanted, got):
        if tolerance.kind == "float":
            return _float_difference(wanted, got)
        if tolerance.kind == "labels":
            return _label_difference(wanted, got)
        if tolerance.kind == "levels":
            return _image_difference(wanted, got)
        ties = _near_ties(self.expected, wanted.shape)
        return float(np.sum((wanted != got) & ~ties))


def _tolerance(signature: Signature, key: str, wanted: np.ndarray) -> Tolerance:
    if key in signature.tolerances:
        return signature.tolerances[key]
    if np.issubdtype(wanted.dtype, np.floating):
        return FLOATS
    return LEVELS if key.endswith("_bytes") else EXACT


def _float_difference(wanted, got):
    return float(
        np.max(np.abs(wanted - got), initial=0.0) / max(1.0, np.max(np.abs(wanted), initial=0.0))
    )


def _image_difference(wanted, got):
    return max(
        (float(np.max(np.abs(_pixels(a) - _pixels(b)))) for a, b in zip(wanted, got, strict=True)),
        default=0.0,
    )


def _label_difference(wanted, got):
    parts = [
        np.mean(np.any(_pixels(a) != _pixels(b), axis=-1)) for a, b in zip(wanted, got, strict=True)
    ]
    return float(max(parts, default=0.0))


def _pixels(encoded):
    return tf.io.decode_png(encoded).numpy().astype(np.int32)


def _near_ties(expected, shape):
    """Places of a ranking [B, k] that rounding may swap: the next score is as good, or lies behind the cut."""
    scores = next(
        (v for v in expected.values() if v.shape == shape and np.issubdtype(v.dtype, np.floating)),
        None,
    )
    if scores is None or len(shape) != 2:
        return np.zeros(shape, bool)
    tie = np.abs(np.diff(scores, axis=1)) <= 2 * FLOATS.bound
    edge = np.ones((shape[0], 1), bool)
    return np.concatenate([tie, edge], axis=1) | np.concatenate([~edge, tie], axis=1)
