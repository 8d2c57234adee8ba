"""Memory of the instance loss with as many classes as COCO has training pictures: sampled softmax against the full."""

import json
import os
import pathlib
import subprocess
import sys

from benchmarks import timing

CLASSES, WIDTH, BATCH, SAMPLED = 113_287, 2048, 32, 4096
STEPS = 3  # of which the fastest is told; the first one traces


def measure():
    """Returns (title, names, rows): most memory of a process that trains, and time of a step; a process for either."""
    ours, other = (_in_a_process(sampled) for sampled in (SAMPLED, 0))
    what = f"Dual-Path's stage I, {CLASSES:,} classes, width {WIDTH}, batch {BATCH}"
    measured = (
        ("peak memory", "whole", "MB"),
        ("beyond the built networks", "steps", "MB"),
        ("a step", "time", "ms"),
    )
    rows = [
        timing.Row(f"{what}: {n}", ours[k], other[k], ours[k] / other[k], unit)
        for n, k, unit in measured
    ]
    return "Instance loss", (f"{SAMPLED:,} classes sampled", "all classes"), rows


def _in_a_process(sampled):
    # The most that a process ever held can be read only once, at its end.
    root = pathlib.Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tools")])}
    command = [sys.executable, "-m", "benchmarks.instance", str(sampled)]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def train(sampled):
    """A few steps of stage I on random features.

    Returns:
      "whole": megabytes that building and training took at most; "steps": how far training exceeded building, whose own
      peak is three times the classifier, for its random initial weights; "time": of a step, in ms.
    """
    import types

    import numpy as np
    import tensorflow as tf

    from tfvse.systems import base
    from tfvse.systems.dual_path import Config

    rng = np.random.default_rng(0)
    feature = rng.normal(size=(BATCH, WIDTH)).astype(np.float32)
    batch = {"image": feature, "text": feature, "image_id": rng.integers(0, CLASSES, BATCH)}
    batch = {name: tf.constant(value) for name, value in batch.items()}
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype) for name, value in batch.items()
    }
    pictures = types.SimpleNamespace(image_ids=range(CLASSES))
    data = types.SimpleNamespace(element_spec=spec, vocabulary=None, split=lambda name: pictures)
    imported = _peak()
    text = {"text_encoder": "hub:none", "train_text_encoder": False}
    config = Config(system="dual_path", data="none", steps=1, sampled_classes=sampled, **text)
    system = base.create(config, data)
    built = _peak()
    system.create_optimizers()
    system.stage = system.stages()[0]
    step = tf.function(system.train_step)
    times = [timing.seconds(lambda: step(batch)["loss"].numpy()) for _ in range(STEPS)]
    return {"whole": _peak() - imported, "steps": _peak() - built, "time": 1000 * min(times)}


def _peak():
    """Megabytes that this process has held at most, so far."""
    # Linux's own count, as getrusage's begins with the most that the parent ever held.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(train(int(sys.argv[1]))))
