"""What every test shares: a quiet TensorFlow on the CPU, and properties that a busy machine cannot fail."""

import os

import hypothesis

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

hypothesis.settings.register_profile("tfvse", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tfvse")
