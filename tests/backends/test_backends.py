"""Networks and losses give the same numbers on TensorFlow and on JAX.

Importing them needs no TensorFlow.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.backends.step_outputs import record
from tests.conformance import experiments
from tfvse.data import pipeline
from tfvse.systems import base

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax"
)


def run_on_jax(*arguments):
    """Runs Python with `arguments` in a process where Keras is on JAX."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=experiments.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.fixture(scope="module", params=experiments.SYSTEMS)
def found(request, tmp_path_factory):
    """(what TensorFlow computes, what JAX computes) from the same weights and batch."""
    folder = tmp_path_factory.mktemp(request.param)
    experiment = experiments.prepare(request.param, folder)
    no_dropout = experiments.without_dropout(experiment.config())
    config = experiment.config(*no_dropout)
    system = base.create(config, experiment.data)
    batches = pipeline.batches(experiment.data.train_set(), config.batch_size, config.seed, 0)
    batch = {name: value.numpy() for name, value in next(iter(batches)).items()}

    arrays = {f"weight/{name}": value for name, value in experiments.weights(system).items()}
    arrays.update({f"batch/{name}": value for name, value in batch.items()})
    np.savez(folder / "given.npz", **arrays)
    files = [str(folder / "given.npz"), str(folder / "jax.npz")]
    run_on_jax("-m", "tests.backends.step_outputs", *files, *experiment.flags(folder, *no_dropout))
    with np.load(files[1], allow_pickle=False) as stored:
        on_jax = dict(stored)
    assert on_jax.pop("backend") == "jax"
    return record(system, batch), on_jax


def of_kind(side, kind):
    """What one side computes of a kind, "output" or "loss"."""
    return {key: value for key, value in side.items() if key.startswith(kind)}


@pytest.mark.parametrize("kind, tolerance", [("output", 1e-4), ("loss", 1e-5)])
def test_networks_and_losses_agree(found, kind, tolerance):
    on_tensorflow, on_jax = (of_kind(side, kind) for side in found)
    assert on_tensorflow and on_tensorflow.keys() == on_jax.keys()
    for key, expected in on_tensorflow.items():
        np.testing.assert_allclose(
            on_jax[key], expected, rtol=tolerance, atol=tolerance, err_msg=key
        )


def test_systems_import_without_tensorflow():
    names = ", ".join(map(repr, experiments.SYSTEMS))
    block = "import sys; sys.modules['tensorflow'] = None"
    run_on_jax(
        "-c", f"{block}; from tfvse import systems; [systems.load(name) for name in ({names},)]"
    )
