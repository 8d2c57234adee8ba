"""Connections that are slow, many or idle, and a server that is stopped while it works."""

import asyncio
import concurrent.futures
import contextlib
import signal
import time

import numpy as np
import pytest

from tests.hostile.served import exchange, request, served
from tfvse.serving import warmup
from tfvse.serving.protocol import grpc, prediction_service_pb2_grpc

GET = b"GET /v1/models/fake HTTP/1.1\r\nHost: localhost\r\n"
ONCE = GET + b"Connection: close\r\n\r\n"
OK = b"HTTP/1.1 200 "


@contextlib.contextmanager
def connections(running, count, data):
    """`count` connections that each sent `data` and then nothing more."""
    opened = []
    try:
        for _ in range(count):
            opened.append(running.connect())
            opened[-1].sendall(data)
        yield opened
    finally:
        for connection in opened:
            connection.close()


def seconds_to_answer(running):
    begun = time.monotonic()
    assert exchange(running, ONCE).startswith(OK)
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def running():
    with served("--timeout=3") as server:
        yield server


POST = b"POST /v1/models/fake:predict HTTP/1.1\r\nHost: localhost\r\n"
SLOW = {
    "nothing": b"",
    "half a line": b"GET /v1/mod",
    "half a head": GET,
    "half a body": POST + b"Content-Length: 9\r\n\r\n{",
    "an answer's client": GET + b"\r\n",
}


@pytest.mark.parametrize("kind", SLOW)
def test_sixty_slow_connections_stop_nobody(running, kind):
    with connections(running, 60, SLOW[kind]):
        assert seconds_to_answer(running) < 2.0


@pytest.mark.parametrize("drop", [b"GET / HT", b"X: a\r\n"])
def test_a_head_that_drips_is_given_up(running, drop):
    with running.connect() as connection:
        begun = time.monotonic()
        connection.sendall(b"GET /v1/models/fake HTTP/1.1\r\n" if b":" in drop else b"")
        while time.monotonic() < begun + 6.0:
            with contextlib.suppress(TimeoutError, BlockingIOError):
                connection.settimeout(0.2)
                connection.sendall(drop[:1] if b":" not in drop else drop)
                if connection.recv(100):
                    break
    assert time.monotonic() - begun < 5.0


def test_a_thousand_connections_at_once_are_all_answered(running):
    async def one(reader, writer):
        writer.write(ONCE)
        answer = await reader.read()
        writer.close()
        return answer[: len(OK)]

    async def all_of_them():
        connect = asyncio.open_connection
        opening = [connect("127.0.0.1", running.rest_port) for _ in range(1000)]
        streams = await asyncio.wait_for(asyncio.gather(*opening), 10)
        return await asyncio.wait_for(asyncio.gather(*(one(*pair) for pair in streams)), 20)

    assert asyncio.run(all_of_them()).count(OK) == 1000


def test_four_hundred_idle_connections_make_room_when_files_are_few():
    with served("--timeout=60", files=256) as running:
        with connections(running, 400, GET + b"\r\n"):
            assert seconds_to_answer(running) < 5.0
            assert seconds_to_answer(running) < 5.0
        assert running.stop() == 0


def predict(running, text):
    body = {"signature_name": "search", "inputs": {"text": [text], "k": 1}}
    return exchange(running, request(body), seconds=60.0)


def call(running, text):
    channel = grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    inputs = {"text": np.array([text], object), "k": np.int32(1)}
    return stub.Predict(warmup.predict_request("fake", "search", inputs), timeout=60)


def test_requests_under_way_are_answered_when_the_server_stops():
    long_text = "a dog " * 600_000  # heavy, so that one waits for the other
    with served("--grace=30") as running, concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(predict, running, long_text) for _ in range(8)]
        calls = [pool.submit(call, running, long_text) for _ in range(4)]
        time.sleep(0.5)
        assert running.stop() == 0
        assert [answer.result()[: len(OK)] for answer in answers] == [OK] * 8
        assert all(done.result().outputs for done in calls)


def test_whoever_sends_nothing_does_not_hold_up_the_end():
    with served("--timeout=60", "--grace=3") as running:
        idle = connections(running, 40, SLOW["an answer's client"])
        slow = connections(running, 40, SLOW["half a head"])
        stuck = connections(running, 5, SLOW["half a body"])
        with idle, slow, stuck:
            begun = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(timeout=20) == 0
            assert time.monotonic() - begun < 10.0
