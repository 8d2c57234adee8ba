"""What every test shares: a quiet TensorFlow on the CPU, and properties without a time limit."""

import os
import signal
import sys

import hypothesis
import pytest

from tfvse import interruption

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

hypothesis.settings.register_profile("tfvse", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tfvse")


@pytest.fixture
def own_signals():
    """A test that takes over Ctrl-C and SIGTERM gives them back to pytest."""
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    hook = sys.unraisablehook
    yield
    interruption.install()  # forgets what has come
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)
