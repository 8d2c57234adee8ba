"""The exported model against the Keras networks that it was made from."""

import pathlib
import tempfile

import tensorflow as tf
from benchmarks import timing

from tfvse import data, experiment
from tfvse.export import parity, saved_model
from tfvse.systems import base


def measure(flagfiles, rounds):
    """Returns (title, names, rows): the first signature of each system that takes a picture, on its example."""
    return (
        "Exported model",
        ("SavedModel", "Keras networks in a tf.function"),
        [_experiment(f, rounds) for f in flagfiles],
    )


def _experiment(flagfile, rounds):
    config, _ = experiment.parse_experiment([f"--flagfile={flagfile}", "--run_dir=unused"])
    dataset = data.load(config)
    system = base.create(config, dataset, "float32")
    name, signature = next(
        (n, s) for n, s in system.signatures(dataset).items() if "image" in s.inputs
    )
    inputs = {key: tf.constant(value) for key, value in parity.example(signature).items()}
    keras_function = tf.function(lambda **tensors: dict(signature.function(**tensors)))
    with tempfile.TemporaryDirectory() as scratch:
        saved_model.save({name: signature}, pathlib.Path(scratch))
        loaded = tf.saved_model.load(scratch)
        exported = loaded.signatures[name]

        def run(function):
            return lambda: [value.numpy() for value in function(**inputs).values()]

        pictures = len(inputs["image"])
        what = f"{config.system} on {config.data}, {name} of {pictures} pictures"
        return timing.paired(what, run(exported), run(keras_function), rounds)
