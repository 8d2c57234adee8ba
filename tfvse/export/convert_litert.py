"""Converts a SavedModel to LiteRT: `python -I convert_litert.py <saved model> <output> <format> <representative.npy>`.

A process of its own, because the converter can crash the one that it runs in. Never imported.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf


def main(model_dir, output, number_format, representative):
    """Writes the LiteRT file `output`; `number_format` is float32, float16 or int8. All arguments are str."""
    converter = tf.lite.TFLiteConverter.from_saved_model(model_dir)
    if number_format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if number_format == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if number_format == "int8":
        examples = np.load(representative)
        converter.representative_dataset = lambda: ([example[np.newaxis]] for example in examples)
        # Operations without an int8 kernel stay in float32; inputs and outputs are float32 in every format.
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    pathlib.Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
