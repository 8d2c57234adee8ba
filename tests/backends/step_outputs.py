"""What one training step of a system computes, on whichever backend Keras runs.

A script of its own:
`KERAS_BACKEND=jax python -m tests.backends.step_outputs <in.npz> <out.npz> <flags of train.py>`
"""

import collections
import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from tfvse import data
from tfvse.experiment import parse_experiment
from tfvse.systems import base

Arrays = dict[str, np.ndarray]


def record(system: base.System, batch: Mapping[str, np.ndarray]) -> Arrays:
    """Every network's outputs and every loss of one training step that updates nothing.

    Args:
      system: built, without dropout.
      batch: name → array.

    Returns:
      "output/<network>/<call>" and "loss/<role>/<name>" → array.
    """
    import tensorflow as tf

    found: Arrays = {}
    calls: collections.Counter[str] = collections.Counter()

    def watched(name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = call(*args, **kwargs)
        for output in keras.tree.flatten(outputs):
            found[f"output/{name}/{calls[name]}"] = keras.ops.convert_to_numpy(output)
            calls[name] += 1
        return outputs

    def minimize(role: str, compute_losses: Callable[[], Any]) -> dict[str, Any]:
        losses, logs = compute_losses()
        for loss_name, loss in losses.items():
            found[f"loss/{role}/{loss_name}"] = keras.ops.convert_to_numpy(loss)
        return {**losses, **logs, "loss": sum(losses.values())}

    for name, network in system.networks.items():
        network.call = functools.partial(watched, name, network.call)
    system.minimize = minimize
    system.stage = system.stages()[0]
    system.step = tf.constant(0, tf.int64)
    system.train_step({name: keras.ops.convert_to_tensor(value) for name, value in batch.items()})
    return found


def main(inputs: str, outputs: str, *flags: str) -> None:
    """Sets the weights of the file `inputs`, takes a step on its batch, writes `outputs`."""
    config, _ = parse_experiment(list(flags))
    given = _read(inputs)
    system = base.create(config, data.load_for(config))
    for name, network in system.networks.items():
        weights = [given["weight"][f"{name}/{number}"] for number in range(len(network.weights))]
        network.set_weights(weights)
    np.savez(outputs, backend=keras.backend.backend(), **record(system, given["batch"]))


def _read(path: str) -> dict[str, Arrays]:
    """Kind → name → array, from keys such as "weight/<name>"."""
    given: dict[str, Arrays] = collections.defaultdict(dict)
    with np.load(path, allow_pickle=False) as stored:
        for key, value in stored.items():
            kind, name = key.split("/", 1)
            given[kind][name] = value
    return given


if __name__ == "__main__":
    main(*sys.argv[1:])
