"""What one training step of a system computes, on whichever backend Keras runs; a script of its own.

`KERAS_BACKEND=jax python -m tests.backends.step_outputs <in.npz> <out.npz> <flags of tools/train.py>`
"""

import collections
import sys

import keras
import numpy as np

from tfvse import data, experiment
from tfvse.systems import base


def record(system, batch):
    """Every network's outputs and every loss of one training step that updates nothing.

    Args:
      system: built `System` without dropout.
      batch: name → np.ndarray.

    Returns:
      "output/<network>/<call>" and "loss/<role>/<name>" → np.ndarray.
    """
    import tensorflow as tf

    found, calls = {}, collections.Counter()

    def note(name, outputs):
        for output in keras.tree.flatten(outputs):
            found[f"output/{name}/{calls[name]}"] = keras.ops.convert_to_numpy(output)
            calls[name] += 1
        return outputs

    def minimize(role, compute_losses):
        losses, logs = compute_losses()
        for loss_name, loss in losses.items():
            found[f"loss/{role}/{loss_name}"] = keras.ops.convert_to_numpy(loss)
        return {**losses, **logs, "loss": sum(losses.values())}

    for name, network in system.networks.items():
        network.call = lambda *args, name=name, call=network.call, **kwargs: note(
            name, call(*args, **kwargs)
        )
    system.minimize = minimize
    system.stage, system.step = system.stages()[0], tf.constant(0, tf.int64)
    system.train_step({name: keras.ops.convert_to_tensor(value) for name, value in batch.items()})
    return found


def main(inputs, outputs, *flags):
    config, _ = experiment.parse_experiment(list(flags))
    with np.load(inputs, allow_pickle=False) as stored:
        given = collections.defaultdict(dict)
        for key, value in stored.items():
            kind, name = key.split("/", 1)
            given[kind][name] = value
    system = base.create(config, data.load(config))
    for name, network in system.networks.items():
        network.set_weights(
            [given["weight"][f"{name}/{number}"] for number in range(len(network.weights))]
        )
    np.savez(outputs, backend=keras.backend.backend(), **record(system, given["batch"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
