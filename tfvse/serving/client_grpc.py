"""The client's gRPC side."""

from collections.abc import Mapping
from typing import Any

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
from tfvse.typing import Array


class Grpc:
    """Calls signatures of one model over gRPC."""

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None,
        timeout: float,
    ) -> None:
        """Opens a channel; arguments as of `client.Client`."""
        self._address = address
        self._model = model
        self._version = version
        self._timeout = timeout
        options = [("grpc.max_receive_message_length", ANSWER_BYTES)]
        channel = grpc.insecure_channel(address, options=options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, Array],
    ) -> dict[str, Array]:
        """Runs one signature.

        Args:
          signature: its name.
          inputs: name → array of the declared dtype and shape.

        Returns:
          output name → array of the declared dtype and shape.
        """
        with prepared():
            request = predict_request(self._model, signature, inputs, self._version)
        response = self._call(request)
        with taken_apart(self._address):
            return {
                name: tensors.unpack(proto, ANSWER_BYTES)
                for name, proto in response.outputs.items()
            }

    def _call(self, request: Any) -> Any:
        """The `PredictResponse` to a `PredictRequest`."""
        try:
            return self._stub.Predict(request, timeout=Deadline(self._timeout).left)
        except grpc.RpcError as error:
            code = error.code().name
            details = plain(error.details() or code)
            away = code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
            raise ServingError(code, f"{self._address}: {details}" if away else details) from None
