"""gRPC under damaged requests, and under small requests that declare large ones."""

import functools
import random

import numpy as np
import pytest

from tests.export import fakes
from tests.hostile import attack
from tests.hostile.served import outcomes, served
from tfvse.serving import warmup
from tfvse.serving.limits import RequestError
from tfvse.serving.protocol import grpc
from tfvse.serving.queues import Queue

SEED = 17
MUTATIONS = 28  # of each good request
PREDICT = "/tensorflow.serving.PredictionService/Predict"
TEXTS = {"text": np.array(["a dog", "snow"], object)}


@pytest.fixture(scope="module")
def running():
    with served("--timeout=10") as server:
        yield server


@pytest.fixture(scope="module")
def channel(running):
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as opened:
        yield opened


def predict_request(signature, inputs):
    return warmup.predict_request("fake", signature, inputs)


def good():
    """name → `PredictRequest` that is answered."""
    images = np.array([fakes.image_file(1, 5, 7), fakes.image_file(2, 5, 7, jpeg=True)], object)
    k = {"k": np.int32(2)}
    return {
        "encode_text": predict_request("encode_text", TEXTS),
        "search": predict_request("search", {**TEXTS, **k}),
        "encode_image": predict_request("encode_image", {"image": images}),
        "search_by_image": predict_request("search_by_image", {"image": images, **k}),
        "translate": predict_request("translate_a_to_b", {"image": images}),
    }


def repeated(signature, name, value, sizes):
    """A request whose only value is declared to fill the shape `sizes`."""
    request = predict_request(signature, {name: np.array([value], object)})
    del request.inputs[name].tensor_shape.dim[:]
    for size in sizes:
        request.inputs[name].tensor_shape.dim.add(size=size)
    return request


def with_k(change):
    """A search whose tensor `k` was changed by `change(proto)`."""
    request = predict_request("search", {**TEXTS, "k": np.int32(2)})
    change(request.inputs["k"])
    return request


@functools.cache
def bombs():
    """name → `PredictRequest` that declares what it does not hold, or holds what is odd."""
    shapes = (
        [1024],
        [100],
        [2],
        [0],
        [-1],
        [2**62],
        [2**62, 2**62],
        [0, 2**62],
        [1] * 9,
        [1] * 300,
    )
    found = {
        f"{signature} {shape[:3]}": repeated(signature, name, value, shape)
        for signature, name, value in (
            ("encode_image", "image", fakes.image_file(1, 5, 7)),
            ("encode_text", "text", b"dog"),
        )
        for shape in shapes
    }
    found["2**20 axes"] = repeated("encode_text", "text", b"dog", [2**62] * 2**20)
    found["many filters"] = predict_request("encode_text", TEXTS)
    found["many filters"].output_filter.extend(["latent"] * 10**6)
    found["many names"] = predict_request(
        "encode_text", {f"{i}": np.int32(i) for i in range(10**4)}
    )
    found["no shape"] = with_k(lambda k: setattr(k.tensor_shape, "unknown_rank", True))
    found["no value"] = with_k(lambda k: k.ClearField("int_val"))
    found["two values"] = with_k(lambda k: k.int_val.append(1))
    found["filled numbers"] = with_k(lambda k: k.tensor_shape.dim.add(size=10**6))
    found["content of another size"] = with_k(lambda k: setattr(k, "tensor_content", b"abc"))
    found["no dtype"] = with_k(lambda k: setattr(k, "dtype", 0))
    found["a dtype of resources"] = with_k(lambda k: setattr(k, "dtype", 20))
    huge = (
        fakes.image_file(0)[:16] + b"\0\0\x1f\x40" * 2 + fakes.image_file(0)[24:]
    )  # 8,000 by 8,000
    found["huge images"] = predict_request("classify", {"image": np.array([huge] * 100, object)})
    found["text as images"] = predict_request("classify", {"image": np.array([b"BM"] * 9, object)})
    return found


def ask(running, data):
    """(end, detail) of the bytes of one request."""
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
        try:
            channel.unary_unary(PREDICT)(data, timeout=20)
        except grpc.RpcError as error:
            code = error.code().name
            ends = {"INTERNAL": "traceback", "UNKNOWN": "traceback", "DEADLINE_EXCEEDED": "hang"}
            return ends.get(code, "refused"), f"{code}: {error.details()}"
    return "used", ""


def test_the_good_requests_are_good(running):
    ends = [ask(running, request.SerializeToString())[0] for request in good().values()]
    assert ends == ["used"] * 5


def test_two_hundred_requests_are_answered_or_refused(running):
    rng = random.Random(SEED)
    inputs = {name: request.SerializeToString() for name, request in bombs().items()}
    for name, request in good().items():
        data = request.SerializeToString()
        for number, damaged in enumerate(attack.mutations(data, MUTATIONS, rng)):
            inputs[f"{name} {number}"] = damaged
    small_dims = b"\x12\x00" * 12_000_000  # each takes twenty times its bytes when it is parsed
    for number in range(30):
        inputs[f"bytes {number}"] = rng.randbytes(10 ** (1 + number % 6))
    inputs["empty axes"] = _with_axes(small_dims)
    found = outcomes(running, inputs, ask)
    print(f"gRPC: {attack.summary(found)}")
    assert len(found) >= 200
    attack.require_held(found)


def _with_axes(dims):
    """Bytes of a request whose tensor has the bytes `dims` as its shape."""
    shape = b"\x12" + _varint(len(dims)) + dims
    entry = b"\x0a\x04text\x12" + _varint(len(shape)) + shape
    return b"\x0a\x06\x0a\x04fake" + b"\x12" + _varint(len(entry)) + entry


def _varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


@pytest.mark.parametrize("count", [2, 100, 1024])
def test_one_image_is_not_repeated_over_a_shape(running, count):
    request = repeated("encode_image", "image", fakes.image_file(1, 5, 7), [count])
    end, detail = ask(running, request.SerializeToString())
    assert end == "refused" and f"declares {count:,} strings and holds 1" in detail


def test_pixels_are_counted_before_they_are_decoded(running):
    end, detail = ask(running, bombs()["huge images"].SerializeToString())
    assert end == "refused" and detail.startswith("RESOURCE_EXHAUSTED: the images declare 6,400,0")


def test_a_call_whose_client_is_gone_does_not_begin(running):
    begun = []
    queue = Queue("test", threads=1, most=2, patience=1.0)
    with pytest.raises(RequestError, match="no longer waits"):
        queue.run(lambda: begun.append(1), wanted=lambda: False)
    assert not begun
