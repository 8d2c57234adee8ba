"""The machine and its libraries, which decide the last bits of a run's numbers."""

import os
import pathlib
import sys
from collections.abc import Mapping

import tensorflow as tf

from tfvse.evaluation.report import hardware, versions

_OFF = ("0", "false")


def describe() -> dict[str, str]:
    """Describes this machine; a checkpoint keeps the result, and `difference` compares two.

    Returns:
      "TensorFlow", "device", "threads" and "oneDNN" → what they are here.
    """
    found = hardware()
    accelerators = ", ".join(found["accelerators"])
    return {
        "TensorFlow": versions()["tensorflow"],
        "device": accelerators or found["cpu"],
        "threads": str(_threads(found["cores"])),
        "oneDNN": "off" if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() in _OFF else "on",
    }


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What differs, in words such as "threads 4 → 2"; "" if nothing does."""
    names = [name for name in now if name in before and before[name] != now[name]]
    return ", ".join(f"{name} {before[name]} → {now[name]}" for name in names)


def warn_of_difference(run_dir: pathlib.Path, before: Mapping[str, str]) -> None:
    """Warns on stderr if this machine is not the one `before` of the run's checkpoint."""
    found = difference(before, describe())
    if found:
        print(
            f"warning: {run_dir}: its checkpoint was written under other conditions ({found}); "
            "training continues, but may end with other bytes than it would have there",
            file=sys.stderr,
        )


def _threads(cores: int) -> int:
    """The number of threads of one operation: it decides the order in which sums are made."""
    chosen = tf.config.threading.get_intra_op_parallelism_threads()
    told = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if not chosen and told.isdecimal():
        chosen = int(told)
    return chosen or cores
