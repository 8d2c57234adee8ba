"""One device, two replicas and two workers learn the same from the same global batches."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.conformance import experiments


def run(folder, jobs, environments):
    """Runs `tests.conformance.replicas` in a process for each of `environments`, together."""
    command = [sys.executable, "-m", "tests.conformance.replicas", str(folder), str(jobs)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    options = {
        "cwd": experiments.ROOT,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    processes = [
        subprocess.Popen(command, env=quiet | environment, **options)
        for environment in environments
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=1800)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()


def free_ports(count):
    """Some ports that nobody uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.fixture(scope="session")
def replicas_folder(request, data_folder, tmp_path_factory):
    """A folder with the weights of every system that this session asks for.

    Three processes train them all: TensorFlow takes seconds to start.
    """
    folder = tmp_path_factory.mktemp("replicas")
    tests = [item for item in request.session.items if "replicas_folder" in item.fixturenames]
    jobs = {}
    for system in sorted({item.callspec.params["experiment"] for item in tests}):
        experiment = experiments.prepare(system, data_folder)
        dropout = experiments.without_dropout(experiment.config())
        jobs[system] = experiment.flags("unused", *experiments.SHORT, *dropout)
        (folder / system).mkdir()
    (folder / "jobs.json").write_text(json.dumps(jobs))

    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    tasks = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        for index in (0, 1)
    ]
    run(folder, folder / "jobs.json", [{}])
    run(folder, folder / "jobs.json", [{"TF_CONFIG": json.dumps(task)} for task in tasks])
    return folder


@pytest.fixture(scope="session")
def weights(experiment, replicas_folder):
    """Name of the way of training → dict of arrays."""
    found = {}
    for path in (replicas_folder / experiment.system).glob("*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            found[path.stem] = dict(stored)
    return found


@pytest.mark.parametrize("way", ["mirrored", "worker0", "worker1"])
def test_weights_equal_those_of_one_device(weights, way):
    # Rounding differs between devices. What counts is how little that is against how far training
    # has moved the weights: a loss that is scaled or shared out wrongly moves them half or twice as
    # far. Variances of pixels are large numbers: 1e-6 of their size is rounding too.
    assert weights[way].keys() == weights["single"].keys()
    bound = min(1e-5, 0.01 * movement(weights))
    for name, expected in weights["single"].items():
        np.testing.assert_allclose(
            weights[way][name], expected, rtol=1e-6, atol=bound, err_msg=name
        )


def movement(weights):
    """The largest change of a weight by training on one device."""
    return max(
        np.abs(weights["single"][name] - value).max() for name, value in weights["initial"].items()
    )


def test_something_was_learnt(weights):
    assert movement(weights) > 1e-5
