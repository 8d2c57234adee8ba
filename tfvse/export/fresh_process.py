"""Runs every signature of a SavedModel without this package.

`python -I fresh_process.py <model> <inputs> <outputs>`. This script is never imported. `inputs` and
`outputs` are .npz files: "<signature>/<tensor>" → the bytes of a TensorProto (uint8). That keeps
strings exact without pickles.
"""

import collections
import sys
from typing import Any

import numpy as np


def main(
    model_dir: str,
    inputs: str,
    outputs: str,
) -> None:
    """Runs the signatures on stored inputs.

    Args:
      model_dir: folder of the SavedModel.
      inputs: .npz file to read.
      outputs: .npz file to write.
    """
    # Importing one of these, as a SavedModel that needs it would, fails from here on.
    for name in ("tfvse", "keras"):
        sys.modules[name] = None  # type: ignore[assignment]

    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2

    calls: dict[str, dict[str, Any]] = collections.defaultdict(dict)
    with np.load(inputs) as stored:
        for key, value in stored.items():
            signature, tensor = key.split("/")
            proto = tensor_pb2.TensorProto.FromString(value.tobytes())
            calls[signature][tensor] = tf.constant(tf.make_ndarray(proto))

    model = tf.saved_model.load(model_dir)
    found: dict[str, Any] = {}
    for signature, arguments in calls.items():
        for tensor, value in model.signatures[signature](**arguments).items():
            proto = tf.make_tensor_proto(value.numpy())
            found[f"{signature}/{tensor}"] = np.frombuffer(proto.SerializeToString(), np.uint8)
    np.savez(outputs, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
