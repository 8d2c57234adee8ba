"""LiteRT (TensorFlow Lite) files for phones, each with what its number format costs.

The cost is told in the metric of the system's task.
"""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfvse.errors import UserError, nearest
from tfvse.optional import require
from tfvse.typing import Array, PathLike

FORMATS = ("float32", "float16", "int8")
_SCRIPT = pathlib.Path(__file__).with_name("convert_litert.py")
_MINUTES = 15  # that one conversion may take
_COMPARED = 8  # examples whose outputs are compared number by number

# A model as it runs: float32 [n, *shape] → float32 [n, …].
Run = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class LiteRTModel:
    """What a system offers to phones.

    Attributes:
      function: float32 tensor [1, *shape] → float32 tensor [1, …]: a network or a chain of them, in
        inference.
      shape: of one input, every number known.
      representative: float32 [n, *shape] from the training split. int8 ranges are taken from it; an
        n of 100 is plenty.
      metric: run → (name, value), where run maps float32 [n, *shape] → float32 [n, …].
    """

    function: Callable[[tf.Tensor], tf.Tensor]
    shape: tuple[int, ...]
    representative: Array
    metric: Callable[[Run], tuple[str, float]]

    def run(self, batch: Array) -> Array:
        """Runs the Keras networks, one example at a time: float32 [n, *shape] → float32 [n, …]."""
        outputs = []
        for example in batch:
            output = self.function(tf.constant(example[np.newaxis], tf.float32))
            outputs.append(np.asarray(output))
        return np.concatenate(outputs)


@dataclasses.dataclass(frozen=True)
class Conversion:
    """One LiteRT file.

    Attributes:
      file: its name.
      bytes: its size.
      difference: largest absolute difference of outputs from the Keras networks'.
      metric: name of the task's metric.
      keras: its value with the Keras networks.
      litert: its value with the file.
    """

    file: str
    bytes: int
    difference: float
    metric: str
    keras: float
    litert: float


def parse_formats(text: str) -> tuple[str, ...]:
    """Parses "float32,int8" to ("float32", "int8"), each once.

    Raises:
      UserError: a word is no format.
    """
    words = [word.strip() for word in text.split(",")]
    formats = tuple(dict.fromkeys(word for word in words if word))
    for word in formats:
        if word not in FORMATS:
            known = ", ".join(FORMATS)
            raise UserError(
                f"--litert={text}: {word!r} must be one of {known}{nearest(word, FORMATS)}"
            )
    return formats


def convert_all(
    models: Mapping[str, LiteRTModel],
    formats: Iterable[str],
    folder: PathLike,
) -> list[Conversion]:
    """Converts and measures every model in every format.

    Args:
      models: name → `LiteRTModel`.
      formats: of `FORMATS`.
      folder: where `<name>-<format>.tflite` files go; made if need be.

    Returns:
      One `Conversion` for each file.

    Raises:
      UserError: ai-edge-litert is not installed, or a conversion fails or crashes.
    """
    interpreter = _interpreter()
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, model in models.items():
        metric, keras_value = model.metric(model.run)
        compared = model.representative[:_COMPARED]
        expected = model.run(compared)
        for number_format in formats:
            path = folder / f"{name}-{number_format}.tflite"
            convert(model, number_format, path)
            run = runner(path, interpreter)
            conversion = Conversion(
                file=path.name,
                bytes=path.stat().st_size,
                difference=float(np.max(np.abs(run(compared) - expected))),
                metric=metric,
                keras=float(keras_value),
                litert=float(model.metric(run)[1]),
            )
            found.append(conversion)
    return found


def convert(
    model: LiteRTModel,
    number_format: str,
    path: pathlib.Path,
) -> None:
    """Writes a model as a LiteRT file; its input is float32 [1, *shape] in every format.

    Args:
      model: what to convert.
      number_format: one of `FORMATS`.
      path: the file to write.

    Raises:
      UserError: the conversion fails or crashes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        saved = f"{scratch}/model"
        representative = f"{scratch}/representative.npy"
        _save(model, saved)
        np.save(representative, model.representative.astype(np.float32))
        script = [sys.executable, "-I", str(_SCRIPT)]
        result = subprocess.run(
            [*script, saved, str(path), number_format, representative],
            capture_output=True,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            timeout=60 * _MINUTES,
        )
    if result.returncode:
        reason = _reason(result)
        raise UserError(f"--litert={number_format}: {path.stem} cannot be converted: {reason}")


def _save(
    model: LiteRTModel,
    folder: str,
) -> None:
    """Writes the function of a model as a SavedModel."""

    @tf.function(autograph=False)
    def traced(x: tf.Tensor) -> dict[str, tf.Tensor]:
        """float32 [1, *shape] → {"output": float32 [1, …]}."""
        return {"output": model.function(x)}

    spec = tf.TensorSpec((1, *model.shape), tf.float32, name="input")
    function = traced.get_concrete_function(spec)
    module = tf.Module()
    module.held_variables = list(function.variables)
    tf.saved_model.save(module, folder, signatures=function)


def _reason(result: subprocess.CompletedProcess) -> str:
    """Why a conversion failed, in one line."""
    if result.returncode < 0:
        name = signal.Signals(-result.returncode).name
        return f"the converter crashed ({name}); leave this format out"

    # The converter tells where it was after it has told what went wrong.
    lines = result.stderr.strip().splitlines() or ["no message"]
    for line in reversed(lines):
        if re.match(r"[\w.]*(Error|Exception)\b", line):
            return line
    return lines[-1]


def runner(
    path: PathLike,
    interpreter: Any = None,
) -> Run:
    """Makes the function that runs a LiteRT file, one example at a time.

    Args:
      path: of the file.
      interpreter: class of LiteRT's interpreter; None: the installed one.

    Returns:
      Function float32 [n, *shape] → float32 [n, …].

    Raises:
      UserError: ai-edge-litert is not installed.
    """
    model = (interpreter or _interpreter())(model_path=str(path))
    model.allocate_tensors()
    source = _only(model.get_input_details())
    target = _only(model.get_output_details())

    def run(batch: Array) -> Array:
        """float32 [n, *shape] → float32 [n, …]."""
        outputs = []
        for example in np.asarray(batch, np.float32):
            model.set_tensor(source["index"], example[np.newaxis])
            model.invoke()
            outputs.append(model.get_tensor(target["index"])[0].copy())
        return np.stack(outputs)

    return run


def _only(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The only input or output of a file."""
    (found,) = details
    return found


def _interpreter() -> Any:
    """The class of LiteRT's interpreter."""
    return require("ai_edge_litert.interpreter", "--litert", "litert").Interpreter
