"""REST under raw bytes: damaged requests, ambiguous requests, JSON that explodes."""

import base64
import json
import random
import re
import threading
import time

import pytest

from tests.export import fakes
from tests.hostile import attack
from tests.hostile.served import exchange, outcomes, request, served

SEED = 17
MUTATIONS = 44  # of each good request
SMUGGLED = b"GET /v1/models/fake HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SEARCH = {"signature_name": "search", "inputs": {"text": ["a dog"], "k": 2}}
POST = b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /v1/models/fake HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def running():
    with served("--timeout=1") as server:
        yield server


def image(data):
    """JSON of the bytes of an image."""
    return {"b64": base64.b64encode(data).decode()}


def good():
    """name → raw request that is answered with 200."""
    classify = {"signature_name": "classify", "inputs": [image(fakes.image_file(1, 5, 7))]}
    rows = {"signature_name": "encode_text", "instances": [{"text": "dog"}, {"text": "cat"}]}
    return {
        "status": SMUGGLED,
        "metadata": SMUGGLED.replace(b"fake", b"fake/metadata"),
        "search": request(SEARCH),
        "classify": request(classify),
        "rows": request(rows),
    }


def desyncs():
    """name → a request after which a second one hides, which must not be answered."""
    chunked = b"0\r\n\r\n"
    lengths = (b"5, 5", b"+5", b"-5", b"0x5", b"5 5", b"", b"1" * 30, "٣".encode())
    codings = (b"chunked", b"identity", b"xchunked", b"chunked, chunked", b"gzip", b"\tchunked")
    found = {
        "both": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunked,
        "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
        "equal lengths": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "GET with a body": GET + b"Content-Length: 5\r\n\r\n",
        "GET in chunks": GET + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        "folded": POST + b"X: a\r\n Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
        "folded with a tab": POST + b"Content-Length:\r\n\t0\r\n\r\n",
        "bare LF": POST + b"X: a\nContent-Length: 0\r\n\r\n",
        "bare LFs": b"GET /v1/models/fake HTTP/1.1\nHost: localhost\n\n",
        "bare CR": POST + b"X: a\rContent-Length: 5\r\n\r\n",
        "NUL": POST + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
        "space before the colon": POST + b"Content-Length : 0\r\n\r\n",
        "no name": POST + b": 0\r\n\r\n",
        "no colon": POST + b"Content-Length\r\n\r\n",
        "no Host": b"GET /v1/models/fake HTTP/1.1\r\n\r\n",
        "two Hosts": GET + b"Host: localhost\r\n\r\n",
        "odd Host": b"GET /v1/models/fake HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
        "no version": b"GET /v1/models/fake\r\n\r\n",
        "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "empty first line": b"\r\n" + GET + b"\r\n",
        "two spaces": b"GET  /v1/models/fake HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }
    for number, length in enumerate(lengths):
        found[f"length {number}"] = POST + b"Content-Length: " + length + b"\r\n\r\n"
    for number, coding in enumerate(codings):
        found[f"coding {number}"] = POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + chunked
    return found


def bombs():
    """name → a request that would cost far more than it is long, or that is odd in itself."""
    body = b'{"signature_name": "search", "inputs": {"text": ["dog"], "k": %s}}'
    texts = b'{"signature_name": "encode_text", "inputs": %s}'
    huge = (
        fakes.image_file(0)[:16] + b"\0\0\x1f\x40" * 2 + fakes.image_file(0)[24:]
    )  # 8,000 by 8,000
    images = [image(huge)] * 100
    path = "/v1/models/fake/versions/%s:predict"
    found = {
        "lists": request(texts % (b"[" + b"[]," * 10_000_000 + b"[]]")),
        "objects": request(texts % (b"[" + b"{}," * 10_000_000 + b"{}]")),
        "numbers": request(body % (b"[" + b"1," * 15_000_000 + b"1]")),
        "texts": request(texts % (b"[" + b'"",' * 10_000_000 + b'""]')),
        "one long text": request(texts % (b'["' + b"a" * 30_000_000 + b'"]')),
        "blanks": request(b" " * 31_000_000),
        "a long text among numbers": request(
            body % (b'["' + b"a" * 10**6 + b'"' + b",1" * 10**5 + b"]")
        ),
        "deep": request(b"[" * 400_000),
        "deep objects": request(b'{"a":' * 400_000),
        "64 deep": request(texts % (b"[" * 64 + b'"dog"' + b"]" * 64)),
        "900 deep": request(texts % (b"[" * 900 + b'"dog"' + b"]" * 900)),
        "64 deep numbers": request(body % (b"[" * 64 + b"1" + b"]" * 64)),
        "many digits": request(body % (b"1" * 100_000)),
        "k of 10**20": request(body % b"100000000000000000000"),
        "k of 1e400": request(body % b"1e400"),
        "k of NaN": request(body % b"NaN"),
        "k of none": request(body % b"null"),
        "half a character": request(texts % b'["\\ud800"]'),
        "a NUL": request(texts % b'["\\u0000"]'),
        "huge images": request({"signature_name": "classify", "inputs": images}),
        "many images": request({"signature_name": "embed", "inputs": images[:1] * 1024}),
        "no images": request({"signature_name": "embed", "inputs": []}),
        "two names": request(b'{"signature_name": "embed", "signature_name": "search"}'),
        "version over int64": request(SEARCH, path % 2**63),
        "version of 19 digits": request(SEARCH, path % ("9" * 19)),
        "version of 400 digits": request(SEARCH, path % ("9" * 400)),
        "version in other digits": request(SEARCH, path % "%D9%A3"),
        "version in bare other digits": request(SEARCH).replace(
            b"fake", "fake/versions/1٣".encode()
        ),
        "a long address": request(SEARCH, "/" + "a" * 100_000),
        "a long value": request(SEARCH, headers=["X: " + "a" * 100_000]),
        "many lines": request(SEARCH, headers=["X: a"] * 10_000),
        "10**15 bytes": POST + b"Content-Length: 1000000000000000\r\n\r\n",
        "no bytes": POST + b"Content-Length: 0\r\n\r\n",
        "an odd expectation": request(SEARCH, headers=["Expect: the unexpected"]),
        "a foreign Host": request(SEARCH).replace(b"localhost", b"evil.example"),
        "no method": b"PAINT /v1/models/fake HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD": b"HEAD /v1/models/fake HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }
    return found


def ask(running, data):
    """(end, detail) of one raw request."""
    answer = exchange(running, data)
    status = re.match(rb"HTTP/1\.1 (\d{3}) [^\r\n]+\r\n", answer)
    if not answer:
        return "refused", "closed without an answer"
    if not status or status[1] == b"500":
        return "traceback", repr(answer[:300])
    return ("used" if status[1] == b"200" else "refused"), answer[:200].decode("latin-1")


def test_the_good_requests_are_good(running):
    assert [ask(running, data)[0] for data in good().values()] == ["used"] * 5


def test_three_hundred_requests_are_answered_or_refused(running):
    rng = random.Random(SEED)
    inputs = {**desyncs(), **bombs()}
    for name, data in good().items():
        for number, damaged in enumerate(attack.mutations(data, MUTATIONS // 2, rng)):
            inputs[f"{name} {number}"] = damaged
        body = data.partition(b"\r\n\r\n")[2]
        for number, damaged in enumerate(attack.mutations(body, MUTATIONS // 2, rng)):
            inputs[f"{name}, body {number}"] = request(damaged)
    found = outcomes(running, inputs, ask)
    print(f"REST: {attack.summary(found)}")
    assert len(found) >= 290
    attack.require_held(found)


@pytest.mark.parametrize("name", desyncs())
def test_no_second_request_hides_in_the_first(running, name):
    answer = exchange(running, desyncs()[name] + SMUGGLED)
    assert re.match(rb"HTTP/1\.1 4\d\d ", answer) and answer.count(b"HTTP/1.1 ") == 1


def test_a_strangers_name_for_this_machine_is_refused(running):
    for host in (b"evil.example", b"localhost.evil.example", b"[::2]"):
        assert exchange(running, SMUGGLED.replace(b"localhost", host)).startswith(b"HTTP/1.1 403 ")
    for host in (b"127.0.0.1:80", b"[::1]:8501", b"LOCALHOST"):
        assert exchange(running, SMUGGLED.replace(b"localhost", host)).startswith(b"HTTP/1.1 200 ")


def test_a_bomb_is_told_by_its_cause(running):
    def error(name):
        return json.loads(exchange(running, bombs()[name]).partition(b"\r\n\r\n")[2])["error"]

    assert "may hold 20,000,004 values" in error("lists")
    assert "'text' must not be nested so deeply" in error("64 deep")
    assert "declare 6,400,000,000 pixels" in error("huge images")
    assert "holds 1024 items, at most 128" in error("many images")
    assert "'k' must hold int32 numbers" in error("k of 10**20")


def test_small_requests_are_answered_beside_large_ones(running):
    large = [
        threading.Thread(target=exchange, args=[running, bombs()["one long text"]])
        for _ in range(4)
    ]
    for thread in large:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in large):
        begun = time.monotonic()
        assert ask(running, request(SEARCH))[0] == "used"
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 3.0
