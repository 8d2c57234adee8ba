"""Loaded models behind the server's two doors: requests are checked here, once, whatever door they came through."""

import contextlib
import dataclasses
import logging
import math
import re
import threading
import time

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfvse.errors import UserError
from tfvse.serving import model_config, warmup

log = logging.getLogger(__name__)
_POINTER = 8  # bytes that a string takes at least; its dtype has no size


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one server accepts.

    Attributes:
      request_bytes: of one request.
      batch: length of an input's first axis.
      timeout: seconds to wait for a client's bytes or for a free place.
      at_once: requests that run at the same time.
    """

    request_bytes: int = 32 * 2**20
    batch: int = 1024
    timeout: float = 30.0
    at_once: int = 4


DEFAULT_LIMITS = Limits()


class RequestError(Exception):
    """A request that is not answered. `code` is the name of a gRPC status code; the message is one sentence."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Model:
    """One version of an exported model.

    Attributes:
      name, version: as requests name them.
      path: folder of the version.
      signature_defs: signature name → SignatureDef.
    """

    def __init__(self, name, folder, limits=DEFAULT_LIMITS):
        """Loads the newest version in `folder`.

        Raises:
          UserError: no version there, or one that does not load.
        """
        self.path = path = model_config.newest(folder)
        self.name, self.version, self.limits = name, int(path.name), limits
        try:
            graph = saved_model_pb2.SavedModel.FromString(
                (path / "saved_model.pb").read_bytes()
            ).meta_graphs[0]
            self._loaded = tf.saved_model.load(str(path))
        except Exception as error:  # a damaged model fails in as many ways as there are bytes
            log.debug("loading failed", exc_info=True)
            raise UserError(
                f"{path}: cannot be loaded ({type(error).__name__}); export the model again"
            ) from None
        self._functions = self._loaded.signatures
        self.signature_defs = {key: graph.signature_def[key] for key in self._functions}

    def warm_up(self):
        """Runs the warm-up requests that were exported with the model.

        Raises:
          UserError: one of them fails.
        """
        for request in warmup.read(self.path):
            signature = request.model_spec.signature_name
            try:
                self.run(
                    signature,
                    {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()},
                )
            except RequestError as error:
                raise UserError(
                    f"{self.path}: the warm-up request of {signature} fails: {error}"
                ) from None

    def inputs(self, signature_name):
        """Input name → `tf.TensorSpec` of a signature.

        Raises:
          RequestError: no such signature.
        """
        if signature_name not in self._functions:
            known = ", ".join(sorted(self._functions))
            raise RequestError(
                "INVALID_ARGUMENT", f"no signature {signature_name!r}; {self.name} has {known}"
            )
        return self._functions[signature_name].structured_input_signature[1]

    def run(self, signature_name, inputs):
        """Runs a signature.

        Args:
          signature_name: one of `signature_defs`.
          inputs: name → np.ndarray of the declared dtype (object arrays of bytes for strings).

        Returns:
          output name → np.ndarray.

        Raises:
          RequestError: INVALID_ARGUMENT for a wrong name, dtype, shape or picture; RESOURCE_EXHAUSTED; INTERNAL.
        """
        specs = self.inputs(signature_name)
        check_names("input", inputs, specs)
        for name, value in inputs.items():
            self._check(name, value, specs[name])
        try:
            tensors = {
                name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()
            }
            return {
                key: value.numpy()
                for key, value in self._functions[signature_name](**tensors).items()
            }
        except (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError) as error:
            kind = (
                "INVALID_ARGUMENT"
                if isinstance(error, tf.errors.InvalidArgumentError)
                else "RESOURCE_EXHAUSTED"
            )
            raise RequestError(kind, sentence(error.message)) from None

    def _check(self, name, value, spec):
        kind = tf.string if value.dtype == object else tf.as_dtype(value.dtype)
        if kind != spec.dtype:
            raise RequestError(
                "INVALID_ARGUMENT", f"input {name!r} is {kind.name}, must be {spec.dtype.name}"
            )
        if not spec.shape.is_compatible_with(value.shape):
            shape = str(spec.shape.as_list()).replace("None", "?")
            raise RequestError(
                "INVALID_ARGUMENT", f"input {name!r} has shape {list(value.shape)}, must be {shape}"
            )
        if value.ndim and len(value) > self.limits.batch:
            most = self.limits.batch
            raise RequestError(
                "INVALID_ARGUMENT",
                f"input {name!r} holds {len(value)} items, at most {most} are taken",
            )


def check_names(what, given, known):
    """Raises RequestError unless the names `given` are the names `known`."""
    unknown, missing = sorted(set(given) - set(known)), sorted(set(known) - set(given))
    if unknown:
        raise RequestError(
            "INVALID_ARGUMENT", f"no {what} {unknown[0]!r}; there are {', '.join(sorted(known))}"
        )
    if missing:
        raise RequestError("INVALID_ARGUMENT", f"{what} {missing[0]!r} is missing")


def sentence(message):
    """What a TensorFlow error says, without its stack traces and node names."""
    text = message.split("<stack traces unavailable>\n")[-1].split("\n\t [[")[0].strip()
    text = re.sub(r"^.*\(0\) [A-Z_ ]+:\s*", "", text, flags=re.DOTALL)
    assertion = re.fullmatch(r"assertion failed: \[(.*)\]", text, re.DOTALL)
    return " ".join((assertion.group(1) if assertion else text).split())


class Models:
    """The models of one server, and the places for requests that run at the same time."""

    def __init__(self, folders, limits=DEFAULT_LIMITS):
        """Loads and warms up the newest version of each; `folders`: model name → folder of its versions."""
        self.limits = limits
        self._models = {name: Model(name, folder, limits) for name, folder in folders.items()}
        for model in self:
            model.warm_up()
        self._places = threading.BoundedSemaphore(limits.at_once)

    def __iter__(self):
        return iter(self._models.values())

    def get(self, name, version=None):
        """The model `name`; `version` (int or None: the newest) must be the loaded one.

        Raises:
          RequestError: NOT_FOUND.
        """
        model = self._models.get(name)
        if model is None:
            raise RequestError(
                "NOT_FOUND", f"no model {name!r}; this server has {', '.join(sorted(self._models))}"
            )
        if version not in (None, model.version):
            raise RequestError(
                "NOT_FOUND", f"no version {version} of {name}; version {model.version} is loaded"
            )
        return model

    @contextlib.contextmanager
    def place(self):
        """Holds one of the places while its block runs.

        Raises:
          RequestError: UNAVAILABLE, when none gets free in time.
        """
        if not self._places.acquire(timeout=self.limits.timeout):
            raise RequestError("UNAVAILABLE", "the server is busy; try again later")
        try:
            yield
        finally:
            self._places.release()

    def drain(self, seconds):
        """Waits up to `seconds` for the requests that run."""
        end = time.monotonic() + seconds
        for _ in range(self.limits.at_once):
            self._places.acquire(timeout=max(0.0, end - time.monotonic()))


def checked(call):
    """Runs `call()`; an error that nobody foresaw is logged and becomes a RequestError with code INTERNAL."""
    try:
        return call()
    except RequestError:
        raise
    except Exception:
        log.exception("a request failed")
        raise RequestError(
            "INTERNAL", "the server failed on this request; its log says why"
        ) from None


def check_size(name, shape, dtype, limits):
    """Raises RequestError when the input `name` declares more elements than a request can hold.

    A TensorProto may declare any shape and hold a single value that fills it, so this is asked before it is unpacked.
    """
    if any(size < 0 for size in shape):
        raise RequestError("INVALID_ARGUMENT", f"input {name!r} declares a negative size")
    count = math.prod(shape)
    if count * (dtype.size or _POINTER) > limits.request_bytes:
        raise RequestError(
            "INVALID_ARGUMENT",
            f"input {name!r} declares {count:,} elements, too many for one request",
        )
