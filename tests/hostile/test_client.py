"""The client under a server that answers nonsense: every failure is a ServingError, in time."""

import base64
import concurrent.futures
import contextlib
import json
import random
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.hostile import attack
from tfvse.serving.client import Client, ServingError
from tfvse.serving.protocol import grpc, predict_pb2

SEED = 17
TIMEOUT = 2.0
OUTPUTS = {"ids": {"dtype": "DT_STRING"}, "scores": {"dtype": "DT_FLOAT"}}
METADATA = {"metadata": {"signature_def": {"signature_def": {"search": {"outputs": OUTPUTS}}}}}
ANSWER = {"outputs": {"ids": [["a", "b"]], "scores": [[0.5, 0.25]]}}


def http_answer(body, status="200 OK", headers=()):
    """Raw bytes of an answer; `body`: bytes, or what becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


@contextlib.contextmanager
def listening(serve):
    """A server that calls `serve(connection, request)` for each; yields its port."""

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=one, args=[connection], daemon=True).start()

    def one(connection):
        with connection, contextlib.suppress(OSError):
            serve(connection, connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def rest_search(answers):
    """Searches with a client that gets `answers`: to its GET and to its POST."""

    def serve(connection, request):
        connection.sendall(answers[request.startswith(b"POST")])

    with listening(serve) as port:
        client = Client(f"http://127.0.0.1:{port}", "fake", timeout=TIMEOUT)
        ids, scores = client.search("dog", k=2)
    if len(ids) != len(scores):
        raise AssertionError("the answer was used, and makes no sense")


def grpc_search(data):
    """Searches with a client whose server answers with these bytes."""
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: data)
    service = grpc.method_handlers_generic_handler(
        "tensorflow.serving.PredictionService", {"Predict": handler}
    )
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        Client(f"127.0.0.1:{port}", "fake", timeout=TIMEOUT).search("dog", k=2)
    finally:
        server.stop(0).wait()


def odd_answers():
    """name → (answer to GET, answer to POST)."""
    metadata = http_answer(METADATA)
    shapes = (
        None,
        [],
        {},
        3,
        "a",
        {"outputs": None},
        {"outputs": []},
        {"outputs": {}},
        {"rows": []},
    )
    ids = (
        None,
        3,
        "a",
        [],
        [[]],
        ["a"],
        [["a"], ["b"]],
        [[["a"]]],
        [[1]],
        [[None]],
        [[{"b64": "%"}]],
        [[{"b64": 3}]],
        [[{"c": 1}]],
        [["a"], 3],
        [["\ud800"]],
    )
    scores = (
        None,
        "a",
        [],
        [["a"]],
        [[None]],
        [[10**400]],
        [[True]],
        [[1], [2, 3]],
        [[{}]],
        [[[]]],
    )
    posts = {f"answer {number}": http_answer(value) for number, value in enumerate(shapes)}
    for name, values in (("ids", ids), ("scores", scores)):
        for number, value in enumerate(values):
            changed = {"outputs": {**ANSWER["outputs"], name: value}}
            posts[f"{name} {number}"] = http_answer(changed)
    posts |= {
        "not UTF-8": http_answer(b'{"outputs": "\xff"}'),
        "half": http_answer(ANSWER)[:-20],
        "nothing": b"",
        "no HTTP": b"SSH-2.0-OpenSSH\r\n",
        "deep": http_answer(b"[" * 100_000),
        "a bomb": http_answer(b"[" + b"[]," * 5_000_000 + b"[]]"),
        "too large": http_answer(b" " * (65 * 2**20)),
        "redirect": http_answer(b"", "302 Found", ["Location: http://127.0.0.1:1/"]),
        "redirect to a file": http_answer(b"", "301 Moved", ["Location: file:///etc/passwd"]),
        "error without words": http_answer(b"", "500 Broken"),
        "error that is no text": http_answer({"error": [1]}, "400 Bad"),
        "error of a terminal": http_answer({"error": "\x1b[2J\nboom"}, "400 Bad"),
        "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
        "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "huge chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
        "many lines": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n{}",
    }
    found = {name: (metadata, post) for name, post in posts.items()}
    answer = http_answer(ANSWER)
    for number, value in enumerate((None, [], {"metadata": 3}, b"{", {"metadata": {}})):
        found[f"metadata {number}"] = (http_answer(value), answer)
    return found


def test_seventy_odd_answers_over_rest_are_one_sentence():
    rng = random.Random(SEED)
    inputs = odd_answers()
    for number, damaged in enumerate(attack.mutations(http_answer(ANSWER), 20, rng)):
        inputs[f"damaged {number}"] = (http_answer(METADATA), damaged)
    found = attack.attack(rest_search, inputs, refusals=ServingError, seconds=TIMEOUT + 5)
    print(f"client over REST: {attack.summary(found)}")
    attack.require_held(found)
    assert all(o.end == "refused" for o in found if not o.name.startswith("damaged"))


def response(**outputs):
    found = predict_pb2.PredictResponse()
    for name, value in outputs.items():
        found.outputs[name].CopyFrom(value)
    return found.SerializeToString()


def test_forty_odd_answers_over_grpc_are_one_sentence():
    ids = tf.make_tensor_proto([[b"a", b"b"]])
    scores = tf.make_tensor_proto(np.array([[0.5, 0.25]], np.float32))
    repeated = tf.make_tensor_proto(b"a" * 1000)
    for size in (1, 2**20):
        repeated.tensor_shape.dim.add(size=size)
    huge = tf.make_tensor_proto(np.float32(1))
    huge.tensor_shape.dim.add(size=2**40)
    inputs = {
        "nothing": b"",
        "no message": b"\xff" * 50,
        "no scores": response(ids=ids),
        "one text repeated": response(ids=repeated, scores=scores),
        "a huge shape": response(ids=ids, scores=huge),
        "numbers as ids": response(ids=scores, scores=scores),
        "a bare score": response(ids=ids, scores=tf.make_tensor_proto(np.float32(1))),
        "not UTF-8": response(ids=tf.make_tensor_proto([[b"\xff"]]), scores=scores),
    }
    good = response(ids=ids, scores=scores)
    for number, damaged in enumerate(attack.mutations(good, 32, random.Random(SEED))):
        inputs[f"damaged {number}"] = damaged
    found = attack.attack(grpc_search, inputs, refusals=ServingError, seconds=TIMEOUT + 5)
    print(f"client over gRPC: {attack.summary(found)}")
    attack.require_held(found)
    assert all(o.end == "refused" for o in found if not o.name.startswith("damaged"))


@pytest.mark.parametrize("drop", [b"X: a\r\n", b"H"], ids=["lines", "letters"])
def test_an_answer_that_drips_ends_at_the_deadline(drop):
    def serve(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n" if drop != b"H" else b"")
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    with listening(serve) as port:
        begun = time.monotonic()
        with pytest.raises(ServingError, match="no answer in 0.5 seconds") as caught:
            Client(f"http://127.0.0.1:{port}", "fake", timeout=0.5).search("dog")
    assert caught.value.code == "DEADLINE_EXCEEDED" and time.monotonic() - begun < 3.0


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_server_that_says_nothing_ends_at_the_deadline(scheme):
    with listening(lambda connection, request: time.sleep(5)) as port:
        with pytest.raises(ServingError) as caught:
            Client(f"{scheme}127.0.0.1:{port}", "fake", timeout=0.5).search("dog")
    assert caught.value.code in ("DEADLINE_EXCEEDED", "UNAVAILABLE")


def test_no_redirect_is_followed():
    asked = []

    def serve(connection, request):
        asked.append(request.split(b"\r\n")[0])
        connection.sendall(http_answer(b"", "302 Found", ["Location: /elsewhere"]))

    with listening(serve) as port, pytest.raises(ServingError, match="redirects are not followed"):
        Client(f"http://127.0.0.1:{port}", "fake").search("dog")
    assert len(asked) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1"])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.search("dog", k=10**20),
        lambda client: client.search("\ud800"),
        lambda client: client.predict("search", {"text": [["a"], "b"], "k": {}}),
        lambda client: client.predict("search", {"text": [["a"], [1]]}),
    ],
)
def test_inputs_that_cannot_be_sent_are_one_sentence(address, call):
    with pytest.raises(ServingError, match="the inputs cannot be sent"):
        call(Client(address, "fake", timeout=5))


@pytest.mark.parametrize(
    "address", ["http://", "ftp://a", "http://127.0.0.1:x", "http://127.0.0.1:1/a", "http://a b"]
)
def test_an_address_that_is_none_is_one_sentence(address):
    with pytest.raises(ServingError):
        Client(address, "fake", timeout=5).search("dog")


def test_base64_is_read_strictly():
    ids = [[{"b64": base64.b64encode(b"a").decode()}]]
    answer = {"outputs": {"ids": ids, "scores": [[1.0]]}}
    rest_search((http_answer(METADATA), http_answer(answer)))
