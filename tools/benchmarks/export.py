"""The exported model against the Keras networks that it was made from."""

import pathlib
import tempfile
from collections.abc import Callable, Sequence

import tensorflow as tf

from benchmarks import timing
from tfvse import data
from tfvse.experiment import parse_experiment
from tfvse.export import parity, saved_model
from tfvse.systems import base
from tfvse.typing import Array

Tensors = dict[str, tf.Tensor]


def measure(flagfiles: Sequence[str], rounds: int) -> timing.Section:
    """Time of each system's first signature that takes an image, on its example."""
    names = ("SavedModel", "Keras networks in a tf.function")
    rows = [_experiment(flagfile, rounds) for flagfile in flagfiles]
    return timing.Section("Exported model", names, rows)


def _experiment(flagfile: str, rounds: int) -> timing.Row:
    """Both ways of one experiment's system, with its initial weights."""
    config, _ = parse_experiment([f"--flagfile={flagfile}", "--run_dir=unused"])
    dataset = data.load_for(config)
    system = base.create(config, dataset, "float32")
    name, signature = _of_images(system.signatures(dataset))

    example = parity.example(signature)
    inputs = {key: tf.constant(value) for key, value in example.items()}
    what = f"{config.system} on {config.data}, {name} of {len(inputs['image'])} images"

    def with_keras(**tensors: tf.Tensor) -> Tensors:
        """The Keras networks behind the signature."""
        return dict(signature.function(**tensors))

    with tempfile.TemporaryDirectory() as scratch:
        saved_model.save({name: signature}, pathlib.Path(scratch))
        loaded = tf.saved_model.load(scratch)
        exported = _to_arrays(loaded.signatures[name], inputs)
        original = _to_arrays(tf.function(with_keras), inputs)
        return timing.paired(what, exported, original, rounds)


def _of_images(signatures: dict[str, base.Signature]) -> tuple[str, base.Signature]:
    """(name, signature) of the first one that takes an image."""
    for name, signature in signatures.items():
        if "image" in signature.inputs:
            return name, signature
    raise ValueError("no signature takes an image")


def _to_arrays(function: Callable[..., Tensors], inputs: Tensors) -> timing.Work:
    """`function` on `inputs`, until its outputs are there as arrays."""

    def run() -> list[Array]:
        """All outputs."""
        return [value.numpy() for value in function(**inputs).values()]

    return run
