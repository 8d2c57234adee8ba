import base64
import http.client
import json
import socket
import time

import pytest

from tests.export import fakes


def call(server, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def predict(server, body):
    return call(
        server,
        "POST",
        "/v1/models/fake:predict",
        body if isinstance(body, bytes) else json.dumps(body),
    )


def test_status_and_metadata_have_tensorflow_servings_form(server):
    status = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert call(server, "GET", "/v1/models/fake") == (200, {"model_version_status": [status]})
    code, found = call(server, "GET", "/v1/models/fake/versions/1/metadata")
    assert code == 200 and found["model_spec"] == {
        "name": "fake",
        "signature_name": "",
        "version": "1",
    }
    inputs = found["metadata"]["signature_def"]["signature_def"]["search"]["inputs"]
    assert {name: info["dtype"] for name, info in inputs.items()} == {
        "text": "DT_STRING",
        "k": "DT_INT32",
    }


def test_rows_in_rows_out(server):
    row = {"image": {"b64": base64.b64encode(fakes.image_file(1)).decode()}}
    code, found = predict(server, {"signature_name": "classify", "instances": [row, row]})
    assert (
        code == 200
        and [set(row) for row in found["predictions"]] == [{"classes", "probabilities"}] * 2
    )
    named = predict(
        server, {"signature_name": "encode_text", "instances": [{"text": "dog"}, {"text": "cat"}]}
    )
    bare = predict(server, {"signature_name": "encode_text", "instances": ["dog", "cat"]})
    assert (
        named == bare and len(bare[1]["predictions"]) == 2
    )  # a single output comes without its name


def test_bytes_outputs_are_base64_and_texts_are_not(server):
    image = {"b64": base64.b64encode(fakes.image_file(1)).decode()}
    _, found = predict(server, {"signature_name": "translate_a_to_b", "inputs": [image]})
    assert base64.b64decode(found["outputs"][0]["b64"]).startswith(b"\x89PNG")
    _, found = predict(server, {"signature_name": "search", "inputs": {"text": ["dog"], "k": 1}})
    assert found["outputs"]["ids"][0][0].startswith("image ")


@pytest.mark.parametrize(
    "body, match",
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1]", "must be a JSON object"),
        ({"signature_name": 3}, '"signature_name" must be a string'),
        ({}, "no signature 'serving_default'"),
        ({"signature_name": "search"}, 'exactly one of "instances"'),
        ({"signature_name": "search", "instances": []}, "at least one row"),
        (
            {"signature_name": "search", "instances": [{"text": "dog", "k": 1}]},
            "'k' has no batch axis",
        ),
        ({"signature_name": "search", "instances": ["dog"]}, "name the inputs: k, text"),
        (
            {"signature_name": "search", "inputs": {"text": ["dog"], "k": 2**40}},
            "'k' must hold int32 numbers",
        ),
        (
            {"signature_name": "search", "inputs": {"text": ["dog"], "k": True}},
            "'k' must hold int32 numbers",
        ),
        (
            {"signature_name": "search", "inputs": {"text": ["dog"], "k": "3"}},
            "'k' must hold int32 numbers",
        ),
        ({"signature_name": "encode_text", "inputs": [["dog"], ["cat", "red"]]}, "regular list"),
        ({"signature_name": "encode_text", "inputs": [["dog"]]}, "has shape"),
        ({"signature_name": "encode_text", "inputs": None}, "'text' must be strings"),
        ({"signature_name": "classify", "inputs": [{"b64": "%%%"}]}, "not base64"),
        ({"signature_name": "classify", "inputs": [{"b64": "AAAA"}]}, "not a JPEG or PNG"),
    ],
)
def test_a_malformed_request_is_one_sentence(server, body, match):
    code, found = predict(server, body)
    assert code == 400 and match in found["error"] and "\n" not in found["error"]


def test_addresses_that_lead_nowhere(server):
    assert call(server, "GET", "/v2/models/fake")[0] == 404
    assert call(server, "GET", "/v1/models/none/metadata")[0] == 404
    assert call(server, "GET", "/v1/models/fake/versions/2")[0] == 404
    assert call(server, "GET", "/v1/models/fake:predict")[0] == 400
    assert call(server, "POST", "/v1/models/fake:classify", "{}")[0] == 501


def test_too_large_a_body_is_refused_before_it_is_read(server):
    code, found = predict(server, b"x" * 400_000)
    assert code == 413 and "400,000 bytes is too large" in found["error"]
    code, _ = call(
        server, "POST", "/v1/models/fake:predict", None, {"Content-Length": str(10**15)}.items()
    )
    assert code == 413


def test_a_body_needs_its_length(server):
    code, found = call(
        server, "POST", "/v1/models/fake:predict", None, {"Transfer-Encoding": "chunked"}.items()
    )
    assert code == 400 and "Content-Length" in found["error"]
    assert (
        call(server, "POST", "/v1/models/fake:predict", None, [("Content-Length", "x")])[0] == 400
    )


def test_a_body_that_drips_is_given_up(server):
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 1000\r\n\r\n"
        )
        begun = time.monotonic()
        while (
            time.monotonic() < begun + 3
        ):  # one byte a time, well within any single read's patience
            try:
                connection.sendall(b" ")
            except OSError:
                break
            time.sleep(0.2)
        assert b"408" in connection.recv(100)


def test_a_client_that_goes_away_harms_nobody(server):
    with socket.create_connection(("127.0.0.1", server.rest_port)) as connection:
        connection.sendall(
            b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
    assert call(server, "GET", "/v1/models/fake")[0] == 200
