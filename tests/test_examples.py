"""The examples in the docstrings of layers, losses and metrics, on TensorFlow and on JAX."""

import doctest
import importlib
import importlib.util
import os
import pkgutil
import subprocess
import sys

import pytest

import tfvse.layers
import tfvse.losses
import tfvse.metrics

PACKAGES = (tfvse.layers, tfvse.losses, tfvse.metrics)


def modules():
    """The names of the packages and of their modules."""
    names = []
    for package in PACKAGES:
        found = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        names += [package.__name__, *(module.name for module in found)]
    return names


def examples(name):
    """name → examples, of everything that a module defines and has examples for."""
    found = doctest.DocTestFinder().find(importlib.import_module(name))
    return {test.name: test for test in found if test.examples}


def run_on_jax(code):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]


@pytest.mark.parametrize("name", modules())
def test_examples_give_what_they_say(name):
    found = examples(name)
    assert found
    for test in found.values():
        report = []
        result = doctest.DocTestRunner().run(test, out=report.append)
        assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_exported_function_and_layer_has_an_example(package):
    for name in package.__all__:
        exported = getattr(package, name)
        if callable(exported) and not isinstance(exported, type(tfvse.metrics.Ranks)):
            assert ">>>" in exported.__doc__, name


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_examples_run_on_jax_without_tensorflow():
    code = f"""
import doctest, importlib, sys
sys.modules["tensorflow"] = None
sys.exit(any(doctest.testmod(importlib.import_module(name)).failed for name in {modules()!r}))
"""
    run_on_jax(code)


def test_metrics_need_neither_keras_nor_scipy():
    names = {"keras", "tensorflow", "scipy", "skimage"}
    code = f"import sys, tfvse.metrics; sys.exit(bool({names!r} & set(sys.modules)))"
    run_on_jax(code)


def test_modules_of_metrics_are_found_by_name():
    assert tfvse.metrics.edges.thresholds(1).tolist() == [0.5]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tfvse.metrics.nothing  # noqa: B018
