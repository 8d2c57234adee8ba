"""TensorFlow Serving's own messages and services, from the package tensorflow-serving-api."""

from tfvse.errors import UserError
from tfvse.optional import missing

try:
    import grpc
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
    )
    from tensorflow_serving.config import model_server_config_pb2
except ImportError:
    raise UserError(missing("serving", "serving", "no tensorflow-serving-api")) from None

__all__ = [
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "grpc",
    "model_server_config_pb2",
    "model_service_pb2_grpc",
    "predict_pb2",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
]
