"""Runs every signature of a SavedModel without this package: `python -I fresh_process.py <model> <inputs> <outputs>`.

A script of its own, never imported. `inputs` and `outputs` are .npz files: "<signature>/<tensor>" → the bytes of a
TensorProto (uint8), which keeps strings exact without pickles.
"""

import collections
import sys

import numpy as np

for name in ("tfvse", "keras"):
    sys.modules[name] = None  # importing it, as a SavedModel that needs it would, now fails

import tensorflow as tf  # noqa: E402
from tensorflow.core.framework import tensor_pb2  # noqa: E402


def main(model_dir, inputs, outputs):
    """Writes what each signature gives for the stored inputs to the .npz file `outputs`. All arguments are paths."""
    calls = collections.defaultdict(dict)
    with np.load(inputs) as stored:
        for key, value in stored.items():
            signature, tensor = key.split("/")
            calls[signature][tensor] = tf.constant(
                tf.make_ndarray(tensor_pb2.TensorProto.FromString(value.tobytes()))
            )
    model = tf.saved_model.load(model_dir)
    found = {}
    for signature, arguments in calls.items():
        for tensor, value in model.signatures[signature](**arguments).items():
            proto = tf.make_tensor_proto(value.numpy())
            found[f"{signature}/{tensor}"] = np.frombuffer(proto.SerializeToString(), np.uint8)
    np.savez(outputs, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
