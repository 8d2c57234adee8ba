"""What every test shares: a quiet TensorFlow and few threads, so that workers of pytest-xdist do not fight for cores."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
