"""Loaded models behind the server's two doors; requests through either are checked here."""

import logging
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import tensorflow as tf

from tfvse.errors import UserError
from tfvse.safety import trust
from tfvse.serving import image_headers, image_inputs, model_config, tensors, warmup
from tfvse.serving.limits import DEFAULT_LIMITS, Limits, RequestError, invalid, is_heavy
from tfvse.serving.queues import Queues
from tfvse.typing import Array, PathLike

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Model:
    """One version of an exported model.

    Attributes:
      name, version: as requests name them.
      path: folder of the version.
      signature_defs: signature name → SignatureDef.
    """

    def __init__(
        self,
        name: str,
        folder: PathLike,
        version: int | None = None,
        trusted: bool = False,
    ) -> None:
        """Loads a version in `folder`; None: the newest; `trusted`: whatever its ops may do.

        Raises:
          UserError: no version there, or one that does not load, see `trust.load`.
        """
        newest = version is None
        self.path = model_config.newest(folder) if newest else pathlib.Path(folder) / str(version)
        self.name = name
        self.version = int(self.path.name)
        self._loaded, graph = trust.load(self.path, trusted)
        self._functions = self._loaded.signatures
        self.signature_defs = {key: graph.signature_def[key] for key in self._functions}

    def warm_up(self) -> None:
        """Runs the warm-up requests that were exported with the model.

        Raises:
          UserError: one of them fails.
        """
        for request in warmup.read(self.path):
            signature = request.model_spec.signature_name
            try:
                specs = self.inputs(signature)
                self.run(signature, tensors.inputs_of(request, specs, DEFAULT_LIMITS))
            except RequestError as error:
                raise UserError(
                    f"{self.path}: the warm-up request of {signature} fails: {error}"
                ) from None

    def inputs(self, signature_name: str) -> Mapping[str, tf.TensorSpec]:
        """Gives dtype and shape of a signature's inputs: name → `tf.TensorSpec`.

        Raises:
          RequestError: no such signature.
        """
        if signature_name not in self._functions:
            known = ", ".join(sorted(self._functions))
            raise invalid(f"no signature {signature_name[:100]!r}; {self.name} has {known}")
        return self._functions[signature_name].structured_input_signature[1]

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, Array],
        limits: Limits = DEFAULT_LIMITS,
    ) -> dict[str, Array]:
        """Runs a signature.

        Args:
          signature_name: one of `signature_defs`.
          inputs: name → array of the declared dtype and shape; strings are object arrays of bytes.
          limits: what the answer may hold.

        Returns:
          output name → array of the declared dtype and shape.

        Raises:
          RequestError: INVALID_ARGUMENT for a wrong name, dtype, shape or image;
            RESOURCE_EXHAUSTED.
        """
        specs = self.inputs(signature_name)
        tensors.check_names("input", inputs, specs)
        for name, value in inputs.items():
            _check(name, value, specs[name])
        inputs = image_inputs.converted(inputs)
        try:
            given = {name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()}
            outputs = self._functions[signature_name](**given)
        except tf.errors.InvalidArgumentError as error:
            raise invalid(sentence(error.message)) from None
        except tf.errors.ResourceExhaustedError as error:
            raise RequestError("RESOURCE_EXHAUSTED", sentence(error.message)) from None
        _check_answer(outputs, limits.answer_values)
        return {key: value.numpy() for key, value in outputs.items()}


def _check(
    name: str,
    value: Array,
    spec: tf.TensorSpec,
) -> None:
    """Raises RequestError where dtype or shape are not the declared ones."""
    kind = tf.string if value.dtype == object else tf.as_dtype(value.dtype)
    if kind != spec.dtype:
        raise invalid(f"input {name!r} is {kind.name}, must be {spec.dtype.name}")
    if not spec.shape.is_compatible_with(value.shape):
        shape = str(spec.shape.as_list()).replace("None", "?")
        raise invalid(f"input {name!r} has shape {list(value.shape)}, must be {shape}")


def _check_answer(
    outputs: Mapping[str, tf.Tensor],
    most: int,
) -> None:
    """Raises RequestError where an answer holds more than `most` values."""
    count = sum(value.shape.num_elements() for value in outputs.values())
    if count > most:
        raise RequestError(
            "RESOURCE_EXHAUSTED",
            f"the answer would hold {count:,} values, at most {most:,} are sent; ask for fewer",
        )


def weigh(
    inputs: Mapping[str, Array],
    size: int,
    limits: Limits,
) -> bool:
    """Tells whether a request is heavy, from its inputs before anything is decoded.

    Args:
      inputs: name → array of any shape.
      size: bytes of the request.
      limits: of the server.

    Raises:
      RequestError: INVALID_ARGUMENT for too many rows; RESOURCE_EXHAUSTED for too many pixels.
    """
    for name, value in inputs.items():
        if value.ndim and len(value) > limits.batch:
            most = limits.batch
            raise invalid(f"input {name!r} holds {len(value)} items, at most {most} are taken")

    images = inputs.get(image_inputs.INPUT, np.zeros(0, object))
    total = sum(image_headers.pixels(image) for image in images.flat)
    if total > limits.pixels and images.size > 1:  # of one alone the graph says how large it is
        raise RequestError(
            "RESOURCE_EXHAUSTED",
            f"the images declare {total:,} pixels, at most {limits.pixels:,} are taken; send fewer",
        )
    return is_heavy(size, total, images.size)


def sentence(message: str) -> str:
    """Gives what a TensorFlow error says, without its stack traces and node names."""
    text = message.split("<stack traces unavailable>\n")[-1].split("\n\t [[")[0].strip()
    text = re.sub(r"^.*\(0\) [A-Z_ ]+:\s*", "", text, flags=re.DOTALL)
    assertion = re.fullmatch(r"assertion failed: \[(.*)\]", text, re.DOTALL)
    return " ".join((assertion.group(1) if assertion else text).split())


class Models:
    """The models of one server, and the queues of its requests.

    Attributes:
      limits: what a request may cost.
      queues: where requests wait.
    """

    def __init__(
        self,
        entries: Mapping[str, model_config.Entry],
        limits: Limits = DEFAULT_LIMITS,
        trusted: bool = False,
    ) -> None:
        """Loads and warms up models; `entries`: model name → `model_config.Entry`.

        Raises:
          UserError: a version that is not there, that does not load, or whose warm-up fails.
        """
        self.limits = limits
        self.queues = Queues(limits)
        self._labels = {name: entry.labels for name, entry in entries.items()}
        self._models = {name: _load(name, entry, trusted) for name, entry in entries.items()}
        for model in self:
            model.warm_up()

    def __iter__(self) -> Iterator[Model]:
        """All versions of all models."""
        return (model for versions in self._models.values() for model in versions.values())

    def versions(self, name: str) -> list[Model]:
        """The versions of the model `name`, rising.

        Raises:
          RequestError: NOT_FOUND.
        """
        if name not in self._models:
            known = ", ".join(sorted(self._models))
            raise RequestError("NOT_FOUND", f"no model {name[:100]!r}; this server has {known}")
        return list(self._models[name].values())

    def get(
        self,
        name: str,
        version: int | None = None,
        label: str | None = None,
    ) -> Model:
        """The model `name`, in this version, or in the one with this label, or the newest.

        Raises:
          RequestError: NOT_FOUND.
        """
        loaded = {model.version: model for model in self.versions(name)}
        if label is not None:
            version = self._labelled(name, label)
        if version is None:
            return loaded[max(loaded)]
        if version not in loaded:
            raise RequestError("NOT_FOUND", f"no version {version} of {name}; {_loaded(loaded)}")
        return loaded[version]

    def _labelled(
        self,
        name: str,
        label: str,
    ) -> int:
        """The version of a model that has a label."""
        labels = self._labels[name]
        if label not in labels:
            known = ", ".join(sorted(labels)) or "none"
            raise RequestError(
                "NOT_FOUND", f"no label {label[:100]!r} of {name}; there are: {known}"
            )
        return labels[label]


def _load(
    name: str,
    entry: model_config.Entry,
    trusted: bool,
) -> dict[int, Model]:
    """Version → model, of those that are served."""
    versions = [int(path.name) for path in model_config.chosen(entry)]
    return {version: Model(name, entry.folder, version, trusted) for version in versions}


def _loaded(versions: Iterable[int]) -> str:
    """Which versions are loaded, for a person."""
    *others, last = map(str, sorted(versions))
    if not others:
        return f"version {last} is loaded"
    return f"versions {', '.join(others)} and {last} are loaded"


def checked(call: Callable[[], Result]) -> Result:
    """Runs `call()`; an error that nobody foresaw is logged and becomes a RequestError."""
    try:
        return call()
    except RequestError:
        raise
    except Exception:
        log.exception("a request failed")
        raise RequestError(
            "INTERNAL", "the server failed on this request; its log says why"
        ) from None
