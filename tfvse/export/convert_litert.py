"""Converts a SavedModel to LiteRT in a process of its own.

`python -I convert_litert.py <saved model> <output> <format> <representative.npy>`. The converter
can crash the process that it runs in. This script is never imported.
"""

import pathlib
import sys
from collections.abc import Iterator

import numpy as np
import tensorflow as tf


def main(
    model_dir: str,
    output: str,
    number_format: str,
    representative: str,
) -> None:
    """Converts a SavedModel.

    Args:
      model_dir: folder of the SavedModel.
      output: LiteRT file to write.
      number_format: "float32", "float16" or "int8".
      representative: .npy file of inputs float32 [n, *shape]; int8 ranges are taken from them.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(model_dir)
    if number_format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if number_format == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if number_format == "int8":
        examples = np.load(representative)

        def inputs() -> Iterator[list[np.ndarray]]:
            """One example after the other, as the converter wants them."""
            for example in examples:
                yield [example[np.newaxis]]

        converter.representative_dataset = inputs
        # Operations without an int8 kernel stay in float32. Inputs and outputs are float32 in every
        # format.
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    pathlib.Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
