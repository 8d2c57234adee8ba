"""The client's gRPC side."""

from tfvse.serving import tensors
from tfvse.serving.answers import (
    ANSWER_BYTES,
    Deadline,
    ServingError,
    plain,
    prepared,
    taken_apart,
)
from tfvse.serving.protocol import grpc, prediction_service_pb2_grpc
from tfvse.serving.warmup import predict_request


class Grpc:
    """Calls signatures of one model over gRPC."""

    def __init__(self, address, model, version, timeout):
        self._address = address
        self._model = model
        self._version = version
        self._timeout = timeout
        options = [("grpc.max_receive_message_length", ANSWER_BYTES)]
        channel = grpc.insecure_channel(address, options=options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def predict(self, signature, inputs):
        """name → np.ndarray of one signature."""
        with prepared():
            request = predict_request(self._model, signature, inputs, self._version)
        response = self._call(request)
        with taken_apart(self._address):
            return {
                name: tensors.unpack(proto, ANSWER_BYTES)
                for name, proto in response.outputs.items()
            }

    def _call(self, request):
        try:
            return self._stub.Predict(request, timeout=Deadline(self._timeout).left)
        except grpc.RpcError as error:
            code = error.code().name
            details = plain(error.details() or code)
            away = code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
            raise ServingError(code, f"{self._address}: {details}" if away else details) from None
