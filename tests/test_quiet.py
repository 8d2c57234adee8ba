"""TensorFlow's start-up messages: hidden, unless it fails or somebody wants to see them."""

import os
import subprocess
import sys

import pytest

from tfvse import quiet

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795514160.277540    7244 port.cc:153] oneDNN custom operations are on.\n"
    "2026-01-01 10:00:00.123: E external/xla.cc:1] Unable to register cuDNN factory\n"
    "To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.\n"
)


def test_noise_is_dropped_and_the_rest_shown(capfd):
    with quiet.held_back():
        os.write(2, NOISE.encode() + b"a real warning\n")
    assert capfd.readouterr().err == "a real warning\n"


def test_after_an_error_everything_is_shown(capfd):
    with pytest.raises(ImportError), quiet.held_back():
        os.write(2, NOISE.encode())
        raise ImportError("libcuda")
    assert capfd.readouterr().err == NOISE


def test_missing_libraries_of_a_gpu_are_told_in_a_line_of_ours(capfd):
    with quiet.held_back():
        os.write(2, b"W0000 00:00:1.2 3 gpu.cc:1] Cannot dlopen some GPU libraries. Please\n")
    assert capfd.readouterr().err == f"{quiet._NOTE}\n"


def python(program, *argv):
    environment = dict(os.environ)
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    command = [sys.executable, "-c", program, *argv]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


PROGRAM = """
import sys
from tfvse import quiet
print(quiet.obey(sys.argv[1:]))
import tensorflow as tf
print(tf.__spec__.loader is tf.__loader__, float(tf.constant(1.0) + 1.0))
"""


def test_the_import_is_silent():
    done = python(PROGRAM, "--a=1")
    assert done.stdout == "['--a=1']\nTrue 2.0\n" and done.stderr == ""


def test_verbose_shows_it():
    done = python(PROGRAM, "--verbose", "--a=1")
    assert done.stdout == "['--a=1']\nTrue 2.0\n" and "absl::InitializeLog" in done.stderr
