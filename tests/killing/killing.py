"""Kills a training run with SIGKILL at random moments, again and again, until it has got through."""

import dataclasses
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
POLL = 0.005  # seconds between two looks at the run's log
PATIENCE = 900  # seconds that a run may take


@dataclasses.dataclass(frozen=True)
class Killed:
    """One kill.

    Attributes:
      steps_logged: lines in the log when it came.
      newest_checkpoint: step of the newest checkpoint that lay there then; 0: none.
    """

    steps_logged: int
    newest_checkpoint: int


def start(flags, run_dir):
    """Starts tools/train.py with the list `flags` in a process of its own; its output goes to `<run_dir>.txt`."""
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


def train(flags, run_dir):
    """Trains undisturbed to the end."""
    code = start(flags, run_dir).wait(timeout=PATIENCE)
    assert code == 0, pathlib.Path(f"{run_dir}.txt").read_text()[-3000:]


def steps_logged(run_dir):
    log = run_dir / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def newest_checkpoint(run_dir):
    return max((int(path.name) for path in (run_dir / "checkpoints").glob("[0-9]*")), default=0)


def kill_once(flags, run_dir, last_step, rng):
    """Starts or goes on with a run and kills it at a random moment.

    Args:
      flags: of tools/train.py, with --log_every=1.
      run_dir: pathlib.Path.
      last_step: steps of the whole run.
      rng: random.Random.

    Returns:
      `Killed`; None when the run was over before the signal came.
    """
    # A number of steps and a delay after them, not a time: however fast the machine, every part of a run can be hit.
    before = steps_logged(run_dir)
    steps = rng.randint(0, 1 + (last_step - before) // 3)
    process, begun = start(flags, run_dir), time.monotonic()
    while (
        steps_logged(run_dir) < before + steps
        and process.poll() is None
        and time.monotonic() < begun + PATIENCE
    ):
        time.sleep(POLL)
    time.sleep(rng.uniform(0.0, 0.2 if steps else 8.0))
    process.send_signal(signal.SIGKILL)
    if process.wait() == 0:
        return None
    assert process.returncode == -signal.SIGKILL, pathlib.Path(f"{run_dir}.txt").read_text()[-3000:]
    return Killed(steps_logged(run_dir), newest_checkpoint(run_dir))


def contents(run_dir):
    """Everything that the newest checkpoint of a run holds: key → bytes."""
    folder = run_dir / "checkpoints" / f"{newest_checkpoint(run_dir):09d}"
    reader = tf.train.load_checkpoint(str(folder / "variables"))
    return {
        key: np.asarray(reader.get_tensor(key)).tobytes()
        for key in reader.get_variable_to_shape_map()
    }


def differences(run_dir, other):
    """Names of what two runs' newest checkpoints hold differently."""
    one, two = contents(run_dir), contents(other)
    return sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))


def kill_and_compare(flags, folder, kills, seed):
    """Kills a run again and again, lets it end, and compares it with one that nothing has disturbed.

    Args:
      flags: of tools/train.py, without --run_dir.
      folder: pathlib.Path, empty; the runs `whole` and `killed<i>` are made in it.
      kills: how often; a run that ends before that is compared, and another one begun.
      seed: int, of the moments.

    Yields:
      `Killed` after every kill, and after every run that has ended its folder (pathlib.Path).

    Raises:
      AssertionError: a run does not end with the bytes of the undisturbed one.
    """
    flags, rng = [*flags, "--log_every=1"], random.Random(seed)
    train(flags, folder / "whole")
    last_step, done, runs = newest_checkpoint(folder / "whole"), 0, 0
    while done < kills:
        run_dir, killed = folder / f"killed{runs}", True
        runs += 1
        while killed and done < kills:
            killed = kill_once(flags, run_dir, last_step, rng)
            if killed:
                done += 1
                yield killed
        train(flags, run_dir)
        assert differences(folder / "whole", run_dir) == []
        yield run_dir
