"""Memory of the instance loss with as many classes as COCO has training images.

It compares the sampled softmax with the full one, each in a process of its own.
"""

import json
import os
import pathlib
import subprocess
import sys
import types
from typing import Any

from benchmarks import timing

CLASSES = 113_287
WIDTH = 2048
BATCH = 32
SAMPLED = 4096
STEPS = 3  # the fastest counts; the first one traces

MEASURED = (
    ("peak memory", "whole", "MB"),
    ("beyond the built networks", "steps", "MB"),
    ("a step", "time", "ms"),
)


def measure() -> timing.Section:
    """Most memory of a process that trains, and time of a step; a process for either way."""
    ours = _in_a_process(SAMPLED)
    other = _in_a_process(0)
    what = f"Dual-Path's stage I, {CLASSES:,} classes, width {WIDTH}, batch {BATCH}"
    rows = []
    for name, key, unit in MEASURED:
        ratio = ours[key] / other[key]
        rows.append(timing.Row(f"{what}: {name}", ours[key], other[key], ratio, unit))
    names = (f"{SAMPLED:,} classes sampled", "all classes")
    return timing.Section("Instance loss", names, rows)


def _in_a_process(sampled: int) -> dict[str, float]:
    """What `train(sampled)` gives in a new process: peak memory can be read once, at the end."""
    root = pathlib.Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tools")])
    command = [sys.executable, "-m", "benchmarks.instance", str(sampled)]
    result = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def train(sampled: int) -> dict[str, float]:
    """A few steps of stage I on random features.

    Args:
      sampled: classes of the softmax; 0: all of them.

    Returns:
      "whole": most megabytes that building and training took. "steps": megabytes by which training
      exceeded building; building alone peaks at three times the classifier, for its random initial
      weights. "time": of a step, in ms.
    """
    import tensorflow as tf

    from tfvse.systems import base

    imported = _peak()
    batch = _batch()
    system = base.create(_config(sampled), _data(batch))
    built = _peak()

    system.create_optimizers()
    system.stage = system.stages()[0]
    step = tf.function(system.train_step)

    def one_step() -> None:
        """One step, to its end."""
        step(batch)["loss"].numpy()

    fastest = min(timing.seconds(one_step) for _ in range(STEPS))
    return {"whole": _peak() - imported, "steps": _peak() - built, "time": 1000 * fastest}


def _batch() -> dict[str, Any]:
    """A batch of random features: "image" and "text" float32 [B, WIDTH], "image_id" int64 [B]."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    feature = tf.constant(rng.normal(size=(BATCH, WIDTH)).astype(np.float32))
    owner = tf.constant(rng.integers(0, CLASSES, BATCH))
    return {"image": feature, "text": feature, "image_id": owner}


def _config(sampled: int) -> Any:
    """Dual-Path's config for features of both sides."""
    from tfvse.systems.dual_path import Config

    return Config(
        system="dual_path",
        data="none",
        steps=1,
        sampled_classes=sampled,
        text_encoder="hub:none",
        train_text_encoder=False,
    )


def _data(batch: dict[str, Any]) -> types.SimpleNamespace:
    """What the system reads of a data set."""
    import tensorflow as tf

    spec = {}
    for name, value in batch.items():
        spec[name] = tf.TensorSpec([None, *value.shape[1:]], value.dtype)
    split = types.SimpleNamespace(image_ids=range(CLASSES))
    return types.SimpleNamespace(element_spec=spec, vocabulary=None, split=lambda name: split)


def _peak() -> float:
    """Most megabytes that this process has held so far."""
    # Linux's own count, because getrusage's begins with the most that the parent ever held.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(train(int(sys.argv[1]))))
