"""TensorFlow Serving's gRPC services: Predict, GetModelMetadata and GetModelStatus.

Other methods say UNIMPLEMENTED. Requests arrive as bytes and are parsed in a queue: a message of
a few megabytes can take a gigabyte when parsed.
"""

import concurrent.futures
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfvse.serving import models, tensors
from tfvse.serving.limits import Limits, RequestError, invalid, is_heavy
from tfvse.serving.protocol import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    grpc,
    predict_pb2,
)

_WORKERS = 32  # threads; most of them wait for a queue
_QUESTION_BYTES = 2**16  # of a request that asks about a model; it holds a few names
_CONNECTION_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
)


class PredictionService:
    """Runs signatures of `models.Models`."""

    def __init__(self, loaded: models.Models) -> None:
        """Answers from loaded models."""
        self.models = loaded
        self.methods = {
            "Predict": self.predict,
            "GetModelMetadata": self.metadata,
            "Classify": _takes_no_examples,
            "Regress": _takes_no_examples,
            "MultiInference": _takes_no_examples,
        }

    def predict(
        self,
        data: bytes,
        context: Any,
    ) -> Any:
        """Runs a signature: bytes of a `PredictRequest` → `PredictResponse`."""
        queues = self.models.queues
        queue = queues.of(is_heavy(len(data)))
        request = queue.run(lambda: self._parse(data), context.is_active)
        queue = queues.of(request.is_heavy)
        return queue.run(lambda: self._run(request), context.is_active)

    def _parse(self, data: bytes) -> "_Request":
        """The request in `data`."""
        message = _message(data, predict_pb2.PredictRequest)
        model = _find(self.models, message.model_spec)
        return _Request(model, message, len(data), self.models.limits)

    def _run(self, request: "_Request") -> Any:
        """The `PredictResponse` to a request."""
        outputs = request.model.run(request.signature_name, request.inputs, self.models.limits)
        wanted = request.wanted or set(outputs)
        tensors.check_names("output", {*outputs, *wanted}, outputs)
        response = predict_pb2.PredictResponse()
        _name(response.model_spec, request.model).signature_name = request.signature_name
        for name in wanted:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response

    def metadata(
        self,
        data: bytes,
        context: Any,
    ) -> Any:
        """Tells signatures: bytes of a `GetModelMetadataRequest` → its response."""
        request = _question(data, get_model_metadata_pb2.GetModelMetadataRequest)
        model = _find(self.models, request.model_spec)
        if list(request.metadata_field) != ["signature_def"]:
            raise invalid('metadata_field must be ["signature_def"]')
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _name(response.model_spec, model)
        response.metadata["signature_def"].Pack(signature_map(model))
        return response


class _Request:
    """A `PredictRequest` taken apart, so that the message itself need not be kept."""

    def __init__(
        self,
        model: models.Model,
        message: Any,
        size: int,
        limits: Limits,
    ) -> None:
        """Takes the inputs out of a message of `size` bytes."""
        self.model = model
        self.signature_name = message.model_spec.signature_name or "serving_default"
        self.inputs = tensors.inputs_of(message, model.inputs(self.signature_name), limits)
        self.wanted = set(message.output_filter)
        self.is_heavy = models.weigh(self.inputs, size, limits)


class ModelService:
    """Says which versions are loaded."""

    def __init__(self, loaded: models.Models) -> None:
        """Answers from loaded models."""
        self.models = loaded
        self.methods = {"GetModelStatus": self.status, "HandleReloadConfigRequest": _loads_once}

    def status(
        self,
        data: bytes,
        context: Any,
    ) -> Any:
        """Tells loaded versions: bytes of a `GetModelStatusRequest` → its response."""
        spec = _question(data, get_model_status_pb2.GetModelStatusRequest).model_spec
        is_one = spec.WhichOneof("version_choice")
        return status([_find(self.models, spec)] if is_one else self.models.versions(spec.name))


def _takes_no_examples(
    data: bytes,
    context: Any,
) -> NoReturn:
    """Refuses methods that take tf.Examples."""
    raise RequestError("UNIMPLEMENTED", "these models take no tf.Examples: use Predict")


def _loads_once(
    data: bytes,
    context: Any,
) -> NoReturn:
    """Refuses to load models while the server runs."""
    raise RequestError("UNIMPLEMENTED", "models are loaded at the start: start the server again")


def _find(
    loaded: models.Models,
    spec: Any,
) -> models.Model:
    """The model that a `ModelSpec` names."""
    chosen = spec.WhichOneof("version_choice")
    version = spec.version.value if chosen == "version" else None
    label = spec.version_label if chosen == "version_label" else None
    return loaded.get(spec.name, version, label)


def _name(
    spec: Any,
    model: models.Model,
) -> Any:
    """Fills a `ModelSpec`; gives it back."""
    spec.name = model.name
    spec.version.value = model.version
    return spec


def _message(
    data: bytes,
    kind: Any,
) -> Any:
    """The message of this kind in `data`."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise invalid(f"the request is no {kind.DESCRIPTOR.name}") from None


def _question(
    data: bytes,
    kind: Any,
) -> Any:
    """The message of a kind that holds a few names, in `data`."""
    if len(data) > _QUESTION_BYTES:
        raise invalid(f"a {kind.DESCRIPTOR.name} of {len(data):,} bytes is too large")
    return _message(data, kind)


def signature_map(model: models.Model) -> Any:
    """Gives the `SignatureDefMap` of a model."""
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in model.signature_defs.items():
        found.signature_def[name].CopyFrom(signature)
    return found


def status(versions: Iterable[models.Model]) -> Any:
    """Gives the `GetModelStatusResponse` of versions of a model."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for model in versions:
        row = response.model_version_status.add(version=model.version)
        row.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        row.status.error_code = 0
    return response


def _handler(method: Callable[[bytes, Any], Any]) -> Any:
    """gRPC's handler of a method that takes bytes and returns a message."""

    def answer(
        data: bytes,
        context: Any,
    ) -> Any:
        """Answers, or ends the call with the code of the refusal."""
        try:
            return models.checked(lambda: method(data, context))
        except RequestError as error:
            context.abort(grpc.StatusCode[error.code], str(error))

    return grpc.unary_unary_rpc_method_handler(
        answer, response_serializer=lambda message: message.SerializeToString()
    )


def create(
    loaded: models.Models,
    address: str,
) -> tuple[Any, int]:
    """An unstarted gRPC server for `models.Models` on `address`, "host:port"; port 0: any.

    Returns:
      (grpc.Server, port).

    Raises:
      RuntimeError: the address is taken.
    """
    most = ("grpc.max_receive_message_length", loaded.limits.request_bytes)
    workers = concurrent.futures.ThreadPoolExecutor(_WORKERS, thread_name_prefix="grpc")
    server = grpc.server(
        workers,
        options=[*_CONNECTION_OPTIONS, most],
        maximum_concurrent_rpcs=_WORKERS,
    )
    for service in (PredictionService(loaded), ModelService(loaded)):
        handlers = {name: _handler(method) for name, method in service.methods.items()}
        name = f"tensorflow.serving.{type(service).__name__}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    return server, server.add_insecure_port(address)
