"""LiteRT (TensorFlow Lite) files for phones, each with what its number format costs in the metric of its task."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfvse.config import nearest
from tfvse.errors import UserError

FORMATS = ("float32", "float16", "int8")
_SCRIPT = pathlib.Path(__file__).with_name("convert_litert.py")
_MINUTES = 15
_COMPARED = 8  # examples whose outputs are compared number by number


@dataclasses.dataclass(frozen=True)
class LiteRTModel:
    """What a system offers to phones.

    Attributes:
      function: float32 tensor [1, *shape] → float32 tensor [1, …]: a network or a chain of them, in inference.
      shape: of one input, every number known.
      representative: float32 [n, *shape] from the training split; int8 ranges are taken from it, n of 100 is plenty.
      metric: (run) → (name, value), where run maps float32 [n, *shape] → float32 [n, …].
    """

    function: Callable
    shape: tuple[int, ...]
    representative: np.ndarray
    metric: Callable[[Callable], tuple[str, float]]


@dataclasses.dataclass(frozen=True)
class Conversion:
    """One LiteRT file.

    Attributes:
      file: its name.
      bytes: its size.
      difference: largest absolute difference of outputs from the Keras networks'.
      metric, keras, litert: name of the task's metric and its value with either.
    """

    file: str
    bytes: int
    difference: float
    metric: str
    keras: float
    litert: float


def parse_formats(text):
    """ "float32,int8" → ("float32", "int8").

    Raises:
      UserError: a word that is no format.
    """
    formats = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for word in formats:
        if word not in FORMATS:
            raise UserError(
                f"--litert={text}: {word!r} must be one of {', '.join(FORMATS)}{nearest(word, FORMATS)}"
            )
    return formats


def convert_all(models, formats, folder):
    """Converts and measures every model in every format.

    Args:
      models: name → `LiteRTModel`.
      formats: of `FORMATS`.
      folder: where `<name>-<format>.tflite` files go; made if need be.

    Returns:
      list of `Conversion`.

    Raises:
      UserError: ai-edge-litert is not installed, or a conversion fails or crashes.
    """
    interpreter = _interpreter()
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, model in models.items():
        metric, keras_value = model.metric(lambda batch, model=model: _run_keras(model, batch))
        expected = _run_keras(model, model.representative[:_COMPARED])
        for number_format in formats:
            path = folder / f"{name}-{number_format}.tflite"
            convert(model, number_format, path)
            run = runner(path, interpreter)
            difference = float(np.max(np.abs(run(model.representative[:_COMPARED]) - expected)))
            value = float(model.metric(run)[1])
            found.append(
                Conversion(
                    path.name, path.stat().st_size, difference, metric, float(keras_value), value
                )
            )
    return found


def convert(model, number_format, path):
    """Writes `model` (a `LiteRTModel`) as a LiteRT file at `path`; its input is float32 [1, *shape] in every format."""
    with tempfile.TemporaryDirectory() as scratch:
        spec = tf.TensorSpec((1, *model.shape), tf.float32, name="input")
        function = tf.function(
            lambda x: {"output": model.function(x)}, autograph=False
        ).get_concrete_function(spec)
        module = tf.Module()
        module.held_variables = list(function.variables)
        tf.saved_model.save(module, f"{scratch}/model", signatures=function)
        np.save(f"{scratch}/representative.npy", model.representative.astype(np.float32))
        command = [sys.executable, "-I", str(_SCRIPT), f"{scratch}/model", str(path), number_format]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        result = subprocess.run(
            [*command, f"{scratch}/representative.npy"],
            capture_output=True, text=True, env=environment, timeout=60 * _MINUTES,
        )  # fmt: skip
    if result.returncode:
        raise UserError(
            f"--litert={number_format}: {path.stem} cannot be converted: {_reason(result)}"
        )


def _reason(result):
    if result.returncode < 0:
        return f"the converter crashed ({signal.Signals(-result.returncode).name}); leave this format out"
    lines = result.stderr.strip().splitlines() or ["no message"]
    # The converter tells where it was after it has told what went wrong.
    return next(
        (line for line in reversed(lines) if re.match(r"[\w.]*(Error|Exception)\b", line)),
        lines[-1],
    )


def runner(path, interpreter=None):
    """A function float32 [n, *shape] → float32 [n, …] that runs the LiteRT file at `path`, one example at a time."""
    model = (interpreter or _interpreter())(model_path=str(path))
    model.allocate_tensors()
    (source,), (target,) = model.get_input_details(), model.get_output_details()

    def run(batch):
        outputs = []
        for example in np.asarray(batch, np.float32):
            model.set_tensor(source["index"], example[np.newaxis])
            model.invoke()
            outputs.append(model.get_tensor(target["index"])[0].copy())
        return np.stack(outputs)

    return run


def _run_keras(model, batch):
    return np.concatenate(
        [np.asarray(model.function(tf.constant(x[np.newaxis], tf.float32))) for x in batch]
    )


def _interpreter():
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError(
            '--litert needs ai-edge-litert; install it with: pip install "tfvse[litert]"'
        ) from None
    return Interpreter
