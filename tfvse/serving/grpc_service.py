"""TensorFlow Serving's gRPC services: Predict, GetModelMetadata and GetModelStatus; the others say UNIMPLEMENTED."""

import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tfvse.serving import models
from tfvse.serving.models import RequestError
from tfvse.serving.protocol import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    grpc,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


def _answer(context, call):
    try:
        return models.checked(call)
    except RequestError as error:
        context.abort(grpc.StatusCode[error.code], str(error))


def _find(loaded, spec):
    if spec.WhichOneof("version_choice") == "version_label":
        raise RequestError(
            "INVALID_ARGUMENT", "version labels are not used here; give a version or none"
        )
    return loaded.get(spec.name, spec.version.value if spec.HasField("version") else None)


def _array(name, proto, spec, limits):
    """The np.ndarray in a TensorProto of an untrusted request."""
    if proto.dtype != spec.dtype.as_datatype_enum:
        given = (
            types_pb2.DataType.Name(proto.dtype)
            if proto.dtype in types_pb2.DataType.values()
            else proto.dtype
        )
        raise RequestError(
            "INVALID_ARGUMENT", f"input {name!r} is {given}, must be {spec.dtype.name}"
        )
    models.check_size(name, [dim.size for dim in proto.tensor_shape.dim], spec.dtype, limits)
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError):
        raise RequestError(
            "INVALID_ARGUMENT", f"input {name!r}: its values do not fill its shape"
        ) from None


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Runs signatures of `models.Models`."""

    def __init__(self, loaded):
        self.models = loaded

    def Predict(self, request, context):
        return _answer(context, lambda: self._predict(request))

    def _predict(self, request):
        model = _find(self.models, request.model_spec)
        signature_name = request.model_spec.signature_name or "serving_default"
        specs = model.inputs(signature_name)
        models.check_names("input", request.inputs, specs)
        with self.models.place():
            limits = self.models.limits
            inputs = {
                name: _array(name, proto, specs[name], limits)
                for name, proto in request.inputs.items()
            }
            outputs = model.run(signature_name, inputs)
            wanted = request.output_filter or outputs
            models.check_names("output", {*outputs, *wanted}, outputs)
            response = predict_pb2.PredictResponse()
            self._name(response.model_spec, model).signature_name = signature_name
            for name in wanted:
                response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response

    def GetModelMetadata(self, request, context):
        return _answer(context, lambda: self._metadata(request))

    def _metadata(self, request):
        model = _find(self.models, request.model_spec)
        if list(request.metadata_field) != ["signature_def"]:
            raise RequestError("INVALID_ARGUMENT", 'metadata_field must be ["signature_def"]')
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        self._name(response.model_spec, model)
        response.metadata["signature_def"].Pack(signature_map(model))
        return response

    def _name(self, spec, model):
        spec.name = model.name
        spec.version.value = model.version
        return spec

    def Classify(self, request, context):
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "these models take no tf.Examples: use Predict"
        )

    Regress = MultiInference = Classify


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Says which versions are loaded."""

    def __init__(self, loaded):
        self.models = loaded

    def GetModelStatus(self, request, context):
        return _answer(context, lambda: status(_find(self.models, request.model_spec)))

    def HandleReloadConfigRequest(self, request, context):
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "models are loaded at the start: start the server again"
        )


def signature_map(model):
    """`SignatureDefMap` of a `models.Model`."""
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in model.signature_defs.items():
        found.signature_def[name].CopyFrom(signature)
    return found


def status(model):
    """`GetModelStatusResponse` of a `models.Model`."""
    response = get_model_status_pb2.GetModelStatusResponse()
    row = response.model_version_status.add(version=model.version)
    row.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    row.status.error_code = 0
    return response


def create(loaded, address):
    """An unstarted gRPC server for `models.Models` on `address` ("host:port", port 0: any free one).

    Returns:
      (grpc.Server, port).

    Raises:
      RuntimeError: the address is taken.
    """
    from concurrent import futures

    limits = loaded.limits
    options = [
        ("grpc.max_receive_message_length", limits.request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
    ]
    workers = futures.ThreadPoolExecutor(limits.at_once, thread_name_prefix="grpc")
    server = grpc.server(workers, options=options, maximum_concurrent_rpcs=8 * limits.at_once)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(loaded), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(loaded), server)
    return server, server.add_insecure_port(address)
