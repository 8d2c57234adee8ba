"""TensorFlow's C++ `LoadSavedModel`, the loader inside TensorFlow Serving, loads an export."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from tests.export import fakes

SOURCE = pathlib.Path(__file__).with_name("load_saved_model.cc")
COMPILER = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_the_native_loader_gives_the_networks_numbers(tmp_path):
    library = pathlib.Path(tf.sysconfig.get_lib())
    libraries = [
        "-Wl,--no-as-needed",
        "-l:libtensorflow_cc.so.2",
        "-l:libtensorflow_framework.so.2",
    ]
    flags = [
        *tf.sysconfig.get_compile_flags(),
        "-w",
        "-O0",
        f"-L{library}",
        f"-Wl,-rpath,{library}",
    ]
    subprocess.run(
        [COMPILER, str(SOURCE), *flags, *libraries, "-o", str(tmp_path / "load")], check=True
    )

    folder, system = fakes.exported()
    texts = ["a dog in the snow", "Zürich", "red cat"]
    command = [str(tmp_path / "load"), str(folder / "fake" / "1"), *texts]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    found = np.array([line.split() for line in result.stdout.splitlines()], float)
    np.testing.assert_allclose(found, system.embed_text(texts), atol=1e-5)
