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

TOLERANCE = 1e-5  # of floats, relative to the largest magnitude where that is above 1
PICTURE_TOLERANCE = (
    1  # of 255 levels: a value half-way between two levels may be rounded either way
)
LABEL_TOLERANCE = (
    1e-3  # of a label map's pixels: where two classes score the same, rounding decides
)
LABEL_MAPS = ("class_map_bytes", "coloured_bytes")
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
        differences[name] = max(_difference(name, key, expected, found[name]) for key in expected)
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


def _difference(name, key, expected, found):
    wanted, got = expected[key], found[key]
    if wanted.shape != got.shape:
        raise UserError(
            f"signature {name}: {key} has shape {got.shape} after export, {wanted.shape} before it"
        )
    if np.issubdtype(wanted.dtype, np.floating):
        value, bound = _float_difference(wanted, got), TOLERANCE
    elif key in LABEL_MAPS:
        value, bound = _label_difference(wanted, got), LABEL_TOLERANCE
    elif key.endswith("_bytes"):
        value, bound = _picture_difference(wanted, got), PICTURE_TOLERANCE
    else:
        value, bound = float(np.sum((wanted != got) & ~_near_ties(expected, wanted.shape))), 0.0
    if not value <= bound:
        raise UserError(
            f"signature {name}: {key} differs by {value:.3g} from the Keras networks' (at most {bound:g})"
        )
    return value


def _float_difference(wanted, got):
    return float(
        np.max(np.abs(wanted - got), initial=0.0) / max(1.0, np.max(np.abs(wanted), initial=0.0))
    )


def _picture_difference(wanted, got):
    return max(
        (float(np.max(np.abs(_pixels(a) - _pixels(b)))) for a, b in zip(wanted, got, strict=True)),
        default=0.0,
    )


def _label_difference(wanted, got):
    parts = [
        np.mean(np.any(_pixels(a) != _pixels(b), axis=-1)) for a, b in zip(wanted, got, strict=True)
    ]
    return float(max(parts, default=0.0))


def _pixels(picture):
    return tf.io.decode_png(picture).numpy().astype(np.int32)


def _near_ties(expected, shape):
    """Places of a ranking [B, k] that rounding may swap: the next score is as good, or lies behind the cut."""
    scores = next(
        (v for v in expected.values() if v.shape == shape and np.issubdtype(v.dtype, np.floating)),
        None,
    )
    if scores is None or len(shape) != 2:
        return np.zeros(shape, bool)
    tie = np.abs(np.diff(scores, axis=1)) <= 2 * TOLERANCE
    edge = np.ones((shape[0], 1), bool)
    return np.concatenate([tie, edge], axis=1) | np.concatenate([~edge, tie], axis=1)
