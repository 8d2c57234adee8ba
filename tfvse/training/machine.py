"""What decides the last bits of a run's numbers besides its settings: the machine and its libraries."""

import os

import tensorflow as tf

from tfvse.evaluation.report import hardware, versions

_OFF = ("0", "false")


def describe() -> dict[str, str]:
    """Kind of thing → what it is here; a checkpoint keeps it, `difference` compares two of them."""
    found = hardware()
    accelerators = ", ".join(found["accelerators"])
    return {
        "TensorFlow": versions()["tensorflow"],
        "device": accelerators or found["cpu"],
        "threads": str(_threads(found["cores"])),
        "oneDNN": "off" if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() in _OFF else "on",
    }


def difference(before: dict, now: dict) -> str:
    """What differs, for a person, such as "threads 4 → 2"; "" where nothing does."""
    names = [name for name in now if name in before and before[name] != now[name]]
    return ", ".join(f"{name} {before[name]} → {now[name]}" for name in names)


def _threads(cores):
    """Threads of one operation: they decide in which order its sums are made."""
    chosen = tf.config.threading.get_intra_op_parallelism_threads()
    told = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return chosen or (int(told) if told.isdecimal() else 0) or cores
