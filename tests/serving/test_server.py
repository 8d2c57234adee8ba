import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.serving import model_config, models, queues, warmup
from tfvse.serving.client import Client
from tfvse.serving.limits import RequestError
from tfvse.serving.protocol import grpc, prediction_service_pb2_grpc
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


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory):
    """A server of versions 1 and 3 of the fake model; 1 is "stable", 2 is not served."""
    folder = tmp_path_factory.mktemp("fake")
    for number in (1, 2, 3):
        (folder / str(number)).symlink_to(fakes.exported()[0] / "fake" / "1")
    entry = model_config.Entry(folder, (1, 3), {"stable": 1})
    with Server({"fake": entry}, host="::1", port=0, rest_port=0) as running:
        yield running


@pytest.mark.parametrize(
    "choice, expected",
    [({}, 3), ({"version": 1}, 1), ({"label": "stable"}, 1)],
)
def test_a_version_is_chosen_by_number_by_label_or_as_the_newest(two_versions, choice, expected):
    assert two_versions.models.get("fake", **choice).version == expected


@pytest.mark.parametrize(
    "choice, match",
    [
        ({"version": 2}, "no version 2 of fake; versions 1 and 3 are loaded"),
        ({"label": "canary"}, "no label 'canary' of fake; there are: stable"),
    ],
)
def test_a_version_that_is_not_served_is_said(two_versions, choice, match):
    with pytest.raises(RequestError, match=match):
        two_versions.models.get("fake", **choice)


def test_labels_and_ipv6_work_over_both_doors(two_versions):
    url = f"http://[::1]:{two_versions.rest_port}/v1/models/fake"
    with urllib.request.urlopen(f"{url}/labels/stable") as answer:
        assert [row["version"] for row in json.load(answer)["model_version_status"]] == ["1"]
    with urllib.request.urlopen(url) as answer:
        assert len(json.load(answer)["model_version_status"]) == 2

    request = warmup.predict_request("fake", "encode_text", {"text": np.array(["dog"], object)})
    request.model_spec.version_label = "stable"
    with grpc.insecure_channel(f"[::1]:{two_versions.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert stub.Predict(request, timeout=10).model_spec.version.value == 1


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, ""])
def test_a_host_that_is_none_is_said(host):
    with pytest.raises(UserError, match="--host=.*: is no address of this machine"):
        Server({}, host=host, port=0, rest_port=0)


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
            "Graph execution error:\n\nDetected at x\n"
            "<stack traces unavailable>\nInvalid PNG\n\t [[x]]",
            "Invalid PNG",
        ),
        (
            "2 root error(s) found.\n"
            "  (0) INVALID_ARGUMENT:  assertion failed: [Too big.]\n\t [[x]]\n  (1)",
            "Too big.",
        ),
    ],
)
def test_tensorflows_errors_are_cut_to_their_sentence(message, expected):
    assert models.sentence(message) == expected
