import numpy as np
import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.serving import warmup
from tfvse.serving.protocol import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    grpc,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as open_channel:
        yield open_channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def refused(method, request):
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=10)
    return caught.value.code().name, caught.value.details()


def encode_text(*texts):
    return warmup.predict_request("fake", "encode_text", {"text": np.array(texts, object)})


def test_the_answer_names_model_version_and_signature(prediction):
    response = prediction.Predict(encode_text("dog"), timeout=10)
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("fake", 1, "encode_text")
    assert tf.make_ndarray(response.outputs["latent"]).shape == (1, 4)


def test_outputs_can_be_filtered(prediction):
    request = warmup.predict_request(
        "fake", "search", {"text": np.array(["dog"], object), "k": np.int32(1)}
    )
    request.output_filter.append("ids")
    assert list(prediction.Predict(request, timeout=10).outputs) == ["ids"]
    request.output_filter.append("colours")
    assert refused(prediction.Predict, request) == (
        "INVALID_ARGUMENT",
        "no output 'colours'; there are ids, scores",
    )


def test_a_small_message_that_declares_a_huge_tensor_is_refused(prediction):
    request = encode_text("dog")
    request.inputs["text"].tensor_shape.dim[0].size = 10**15
    assert refused(prediction.Predict, request)[0] == "INVALID_ARGUMENT"
    request.inputs["text"].tensor_shape.dim[0].size = -1
    assert refused(prediction.Predict, request)[0] == "INVALID_ARGUMENT"


def test_raw_memory_is_not_taken_for_strings(prediction):
    request = encode_text("dog")
    request.inputs["text"].tensor_content = bytes(range(64))
    assert refused(prediction.Predict, request)[0] == "INVALID_ARGUMENT"


def test_a_tensor_of_no_known_kind_is_refused(prediction):
    request = predict_pb2.PredictRequest()
    request.CopyFrom(encode_text("dog"))
    request.inputs["text"].dtype = 77
    assert refused(prediction.Predict, request) == (
        "INVALID_ARGUMENT",
        "input 'text' is 77, must be string",
    )


def test_a_message_over_the_limit_is_refused(prediction):
    code, details = refused(prediction.Predict, encode_text("dog" * 200_000))
    assert code == "RESOURCE_EXHAUSTED" and "larger than max" in details


def test_examples_are_not_taken(prediction):
    from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

    assert (
        refused(prediction.Classify, classification_pb2.ClassificationRequest())[0]
        == "UNIMPLEMENTED"
    )
    assert refused(prediction.Regress, regression_pb2.RegressionRequest())[0] == "UNIMPLEMENTED"
    assert (
        refused(prediction.MultiInference, inference_pb2.MultiInferenceRequest())[0]
        == "UNIMPLEMENTED"
    )


def test_metadata_lists_the_signatures(prediction):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "fake"
    found = get_model_metadata_pb2.SignatureDefMap()
    prediction.GetModelMetadata(request, timeout=10).metadata["signature_def"].Unpack(found)
    assert set(found.signature_def) == set(fakes.exported()[1].signatures(None))
    request.metadata_field[:] = ["weights"]
    assert refused(prediction.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"


def test_status_says_available(channel):
    service = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "fake"
    (row,) = service.GetModelStatus(request, timeout=10).model_version_status
    assert (row.version, row.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    request.model_spec.name = "none"
    assert refused(service.GetModelStatus, request)[0] == "NOT_FOUND"
