"""Warm-up requests, which a server runs so that its first caller does not wait.

`assets.extra/tf_serving_warmup_requests` is a TFRecord file of `PredictionLog`s, where TensorFlow
Serving looks.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfvse.errors import UserError
from tfvse.serving.protocol import predict_pb2, prediction_log_pb2
from tfvse.typing import Array, PathLike

FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")


def predict_request(
    model: str,
    signature_name: str,
    inputs: Mapping[str, Array],
    version: int | None = None,
) -> Any:
    """Makes a `PredictRequest`.

    Args:
      model: its name.
      signature_name: of the signature to run.
      inputs: name → array of the declared dtype and shape.
      version: of the model; None: the newest.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature_name
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def write(
    folder: PathLike,
    model: str,
    examples: Mapping[str, Mapping[str, Array]],
) -> None:
    """Writes requests into the SavedModel in `folder`.

    Args:
      folder: of the SavedModel.
      model: its name.
      examples: signature name → inputs, each an array of the declared dtype and shape.
    """
    path = pathlib.Path(folder) / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, inputs in examples.items():
            request = predict_request(model, signature_name, inputs)
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def read(folder: PathLike) -> list[Any]:
    """Reads the warm-up requests of the SavedModel in `folder`, as `PredictRequest`s.

    Raises:
      UserError: the file is damaged.
    """
    path = pathlib.Path(folder) / FILE
    if not path.is_file():
        return []
    try:
        logs = [
            prediction_log_pb2.PredictionLog.FromString(r.numpy())
            for r in tf.data.TFRecordDataset(str(path))
        ]
    except (DecodeError, tf.errors.OpError) as error:
        raise UserError(
            f"{path}: damaged ({type(error).__name__}); export the model again"
        ) from None
    return [log.predict_log.request for log in logs if log.WhichOneof("log_type") == "predict_log"]
