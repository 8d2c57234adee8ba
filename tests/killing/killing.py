"""Kills a training run with SIGKILL at random moments until it has come to its end."""

import dataclasses
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
POLL = 0.005  # seconds between two looks at the run's log
PATIENCE = 900  # seconds that a run may take
STARTING = 8.0  # seconds in which a run that has logged nothing is killed
STEP = 0.2  # the same after some steps


@dataclasses.dataclass(frozen=True)
class Killed:
    """One kill.

    Attributes:
      steps_logged: lines in the log when it came.
      newest_checkpoint: step of the newest checkpoint that lay there then; 0: none.
    """

    steps_logged: int
    newest_checkpoint: int


def start(flags: Sequence[str], run_dir: pathlib.Path) -> subprocess.Popen[bytes]:
    """Starts tools/train.py with `flags` in a process; its output goes to `<run_dir>.txt`."""
    command = [sys.executable, "tools/train.py", *flags, f"--run_dir={run_dir}"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{run_dir}.txt", "a") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def train(flags: Sequence[str], run_dir: pathlib.Path) -> None:
    """Trains undisturbed to the end."""
    code = start(flags, run_dir).wait(timeout=PATIENCE)
    assert code == 0, _output(run_dir)


def _output(run_dir: pathlib.Path) -> str:
    """The end of what a run printed."""
    return pathlib.Path(f"{run_dir}.txt").read_text()[-3000:]


def steps_logged(run_dir: pathlib.Path) -> int:
    """How many lines the log of a run has."""
    log = run_dir / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def newest_checkpoint(run_dir: pathlib.Path) -> int:
    """The step of a run's newest checkpoint; 0: it has none."""
    return max((int(path.name) for path in (run_dir / "checkpoints").glob("[0-9]*")), default=0)


def kill_once(
    flags: Sequence[str], run_dir: pathlib.Path, last_step: int, rng: random.Random
) -> Killed | None:
    """Starts or resumes a run and kills it at a random moment.

    Args:
      flags: of tools/train.py, with --log_every=1.
      run_dir: folder of the run.
      last_step: steps of the whole run.
      rng: draws the moment.

    Returns:
      What lay there; None when the run was over before the signal came.
    """
    # A number of steps and a delay after them, not a time: so every part of a run can be hit,
    # however fast the machine.
    before = steps_logged(run_dir)
    steps = rng.randint(0, 1 + (last_step - before) // 3)
    process = start(flags, run_dir)
    begun = time.monotonic()
    while (
        steps_logged(run_dir) < before + steps
        and process.poll() is None
        and time.monotonic() < begun + PATIENCE
    ):
        time.sleep(POLL)
    time.sleep(rng.uniform(0.0, STEP if steps else STARTING))

    process.send_signal(signal.SIGKILL)
    if process.wait() == 0:
        return None
    assert process.returncode == -signal.SIGKILL, _output(run_dir)
    return Killed(steps_logged(run_dir), newest_checkpoint(run_dir))


def contents(run_dir: pathlib.Path) -> dict[str, bytes]:
    """Everything that the newest checkpoint of a run holds: key → bytes."""
    folder = run_dir / "checkpoints" / f"{newest_checkpoint(run_dir):09d}"
    reader = tf.train.load_checkpoint(str(folder / "variables"))
    found = {}
    for key in reader.get_variable_to_shape_map():
        found[key] = np.asarray(reader.get_tensor(key)).tobytes()
    return found


def differences(run_dir: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Names of what two runs' newest checkpoints hold differently."""
    one = contents(run_dir)
    two = contents(other)
    return sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))


def kill_and_compare(
    flags: Sequence[str], folder: pathlib.Path, kills: int, seed: int
) -> Iterator[Killed | pathlib.Path]:
    """Kills a run repeatedly, lets it end, and compares it with an undisturbed one.

    Args:
      flags: of tools/train.py, without --run_dir.
      folder: empty; the runs `whole` and `killed<i>` are made in it.
      kills: how often; a run that ends before that is compared, and another one begun.
      seed: of the moments.

    Yields:
      `Killed` after every kill, and the folder of every run that has ended.

    Raises:
      AssertionError: a run does not end with the bytes of the undisturbed one.
    """
    flags = [*flags, "--log_every=1"]
    rng = random.Random(seed)
    train(flags, folder / "whole")
    last_step = newest_checkpoint(folder / "whole")

    done = 0
    runs = 0
    while done < kills:
        run_dir = folder / f"killed{runs}"
        runs += 1
        over = False
        while not over and done < kills:
            killed = kill_once(flags, run_dir, last_step, rng)
            if killed is None:
                over = True
            else:
                done += 1
                yield killed
        train(flags, run_dir)
        assert differences(folder / "whole", run_dir) == []
        yield run_dir
