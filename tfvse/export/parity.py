"""Checks that an exported model computes what the Keras networks do.

It runs in a fresh process, without this package.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tfvse.errors import UserError
from tfvse.export.signature import EXACT, FLOATS, LEVELS, Signature, Tolerance
from tfvse.typing import Array, PathLike

_SCRIPT = pathlib.Path(__file__).with_name("fresh_process.py")
_MINUTES = 15  # that the fresh process may take


def verify(
    signatures: Mapping[str, Signature],
    model_dir: PathLike,
) -> dict[str, float]:
    """Compares each signature in a fresh process with its function run eagerly here.

    Both get the signature's example.

    Args:
      signatures: name → `Signature`.
      model_dir: folder of the SavedModel.

    Returns:
      name → largest difference. Floats are told relative to max(1, largest magnitude), PNGs in
      1/255 levels, label maps as the fraction of pixels that differ; whole numbers and texts have
      0.

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


def example(signature: Signature) -> dict[str, Array]:
    """Gives the example of a `Signature`.

    Returns:
      input name → array of the declared dtype and shape; texts are UTF-8 bytes.
    """
    found = {}
    for key, (dtype, _) in signature.inputs.items():
        found[key] = tf.constant(signature.example[key], dtype).numpy()
    return found


def _run_in_fresh_process(
    signatures: Mapping[str, Signature],
    model_dir: PathLike,
) -> dict[str, dict[str, Array]]:
    """What the exported model gives for the examples: signature → output → array."""
    with tempfile.TemporaryDirectory() as scratch:
        inputs = f"{scratch}/inputs.npz"
        outputs = f"{scratch}/outputs.npz"
        _write_examples(signatures, inputs)
        result = subprocess.run(
            [sys.executable, "-I", str(_SCRIPT), str(model_dir), inputs, outputs],
            capture_output=True,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            timeout=60 * _MINUTES,
        )
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise UserError(f"the exported model does not run in a fresh process: {lines[-1]}")

        found: dict[str, dict[str, Array]] = {name: {} for name in signatures}
        with np.load(outputs) as stored:
            for key, value in stored.items():
                name, tensor = key.split("/")
                proto = tensor_pb2.TensorProto.FromString(value.tobytes())
                found[name][tensor] = tf.make_ndarray(proto)
    return found


def _write_examples(
    signatures: Mapping[str, Signature],
    path: str,
) -> None:
    """Writes the examples as `fresh_process.py` reads them."""
    stored: dict[str, Any] = {}
    for name, signature in signatures.items():
        for key, value in example(signature).items():
            proto = tf.make_tensor_proto(value).SerializeToString()
            stored[f"{name}/{key}"] = np.frombuffer(proto, np.uint8)
    np.savez(path, **stored)


class Outputs:
    """The outputs of one signature, before and after the export.

    Attributes:
      name: of the signature.
      signature: the `Signature`.
      expected: output → array of the Keras networks.
      found: output → array of the exported model.
    """

    def __init__(
        self,
        name: str,
        signature: Signature,
        expected: Mapping[str, Array],
        found: Mapping[str, Array],
    ) -> None:
        """Takes the attributes."""
        self.name = name
        self.signature = signature
        self.expected = expected
        self.found = found

    def difference(self, key: str) -> float:
        """Measures the output `key`, in the unit of its tolerance.

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

    def _measure(
        self,
        tolerance: Tolerance,
        wanted: Array,
        got: Array,
    ) -> float:
        """The difference of two arrays of one shape."""
        if tolerance.kind == "float":
            return _float_difference(wanted, got)
        if tolerance.kind == "labels":
            return _label_difference(wanted, got)
        if tolerance.kind == "levels":
            return _image_difference(wanted, got)
        ties = _near_ties(self.expected, wanted.shape)
        return float(np.sum((wanted != got) & ~ties))


def _tolerance(
    signature: Signature,
    key: str,
    wanted: Array,
) -> Tolerance:
    """The tolerance of an output: the signature's own, or that of its dtype and name."""
    if key in signature.tolerances:
        return signature.tolerances[key]
    if np.issubdtype(wanted.dtype, np.floating):
        return FLOATS
    return LEVELS if key.endswith("_bytes") else EXACT


def _float_difference(
    wanted: Array,
    got: Array,
) -> float:
    """Largest difference of floats […], relative to max(1, largest magnitude)."""
    largest = np.max(np.abs(wanted - got), initial=0.0)
    magnitude = max(1.0, np.max(np.abs(wanted), initial=0.0))
    return float(largest / magnitude)


def _image_difference(
    wanted: Array,
    got: Array,
) -> float:
    """Largest difference of PNGs, bytes [B], in 1/255 levels."""
    largest = 0.0
    for one, other in zip(wanted, got, strict=True):
        difference = np.abs(_pixels(one) - _pixels(other))
        largest = max(largest, float(np.max(difference)))
    return largest


def _label_difference(
    wanted: Array,
    got: Array,
) -> float:
    """Largest fraction of the pixels of a label map, of PNGs bytes [B], that differ."""
    largest = 0.0
    for one, other in zip(wanted, got, strict=True):
        differs = np.any(_pixels(one) != _pixels(other), axis=-1)
        largest = max(largest, float(np.mean(differs)))
    return largest


def _pixels(encoded: bytes) -> Array:
    """A PNG file → int32 [H, W, C]."""
    return tf.io.decode_png(encoded).numpy().astype(np.int32)


def _near_ties(
    expected: Mapping[str, Array],
    shape: tuple[int, ...],
) -> Array:
    """Places of a ranking [B, k] that rounding may swap, bool [B, k].

    The next score is as good there, or lies behind the cut. The scores are the float output of the
    same shape; without one, no places may be swapped.
    """
    scores = None
    for value in expected.values():
        if value.shape == shape and np.issubdtype(value.dtype, np.floating):
            scores = value
            break
    if scores is None or len(shape) != 2:
        return np.zeros(shape, bool)

    tie = np.abs(np.diff(scores, axis=1)) <= 2 * FLOATS.bound
    behind = np.ones((shape[0], 1), bool)
    ties_next = np.concatenate([tie, behind], axis=1)
    ties_previous = np.concatenate([~behind, tie], axis=1)
    return ties_next | ties_previous
