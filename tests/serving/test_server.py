import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.serving import models, queues
from tfvse.serving.client import Client
from tfvse.serving.limits import RequestError
from tfvse.serving.server import Server

ROOT = pathlib.Path(__file__).parents[2]


def test_serve_answers_and_stops_on_sigterm():
    models_config = fakes.exported()[0] / "models.config"
    command = [
        sys.executable,
        "tools/serve.py",
        f"--models_config={models_config}",
        "--port=0",
        "--rest_port=0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert (
                "serving fake, version 1: classify, embed, encode_image"
                in process.stdout.readline()
            )
            rest = process.stdout.readline().split()[-1]
            assert len(Client(rest, "fake").search("dog", k=2)[0]) == 2
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == "stopped\n"


@pytest.mark.parametrize("door", ["port", "rest_port"])
def test_a_taken_port_is_said(server, door):
    taken = {"port": server.grpc_port, "rest_port": server.rest_port}[door]
    with pytest.raises(UserError, match=f"--{door}={taken}: cannot listen"):
        Server({}, **{"port": 0, "rest_port": 0, door: taken})


def test_the_newest_version_is_served(tmp_path):
    version = fakes.exported()[0] / "fake" / "1"
    for number in (2, 10):
        (tmp_path / str(number)).symlink_to(version, target_is_directory=True)
    (tmp_path / "99.old").mkdir()
    assert models.Model("fake", tmp_path).version == 10


def test_a_folder_without_a_model_is_said(tmp_path):
    with pytest.raises(UserError, match="no exported model; versions must be folders such as .*/1"):
        models.Model("fake", tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(UserError, match="1: cannot be loaded"):
        models.Model("fake", tmp_path)


def test_a_full_queue_says_busy():
    queue = queues.Queue("test", threads=1, most=2, patience=0.05)
    begun = threading.Event()
    ended = threading.Event()

    def call():
        begun.set()
        ended.wait(5)

    first = threading.Thread(target=queue.run, args=[call, lambda: True])
    first.start()
    assert begun.wait(5)
    with pytest.raises(RequestError, match="busy") as caught:
        queue.run(lambda: None, lambda: True)
    assert caught.value.code == "UNAVAILABLE"
    ended.set()
    first.join()


def test_an_unforeseen_error_is_logged_and_told_without_its_inside(caplog):
    with pytest.raises(RequestError, match="its log says why") as caught:
        models.checked(lambda: {}["secret"])
    assert caught.value.code == "INTERNAL" and "secret" in caplog.text


@pytest.mark.parametrize(
    "message, expected",
    [
        ("assertion failed: [A] [b 3]\n\t [[{{node x}}]]", "A] [b 3"),
        (
            "Graph execution error:\n\nDetected at x\n<stack traces unavailable>\nInvalid PNG\n\t [[x]]",
            "Invalid PNG",
        ),
        (
            "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  assertion failed: [Too big.]\n\t [[x]]\n  (1)",
            "Too big.",
        ),
    ],
)
def test_tensorflows_errors_are_cut_to_their_sentence(message, expected):
    assert models.sentence(message) == expected
