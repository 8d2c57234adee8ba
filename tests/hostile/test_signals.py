"""Ctrl-C and SIGTERM at any moment: no traceback, a true message.

The same command then ends with the same bytes.
"""

import concurrent.futures
import itertools
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.conformance import experiments
from tests.killing import killing

MOMENTS = 8
SIGNALS = (signal.SIGINT, signal.SIGTERM)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
STEPS = 60
IMPORTS = 4.0  # seconds into which a moment before the first step is drawn


def _wait_until_taken_over(process):
    """Python itself answers Ctrl-C before a tool can: its first milliseconds are not the tool's."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = int(re.search(r"SigCgt:\s+(\w+)", status.read_text())[1], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(killing.POLL)


def _end(process, number):
    """Sends the signal `number`; returns whether it ended the process, with its exit code."""
    process.send_signal(number)
    code = process.wait(timeout=killing.PATIENCE)
    assert code in (0, CODES[number])
    return code != 0


def _interrupt_training(flags, run_dir, rng):
    """Starts or resumes a run and interrupts it; returns its output, None if it ended before."""
    printed = pathlib.Path(f"{run_dir}.txt")
    printed.unlink(missing_ok=True)
    before = killing.steps_logged(run_dir)
    steps = rng.choice((0, 1, rng.randint(1, STEPS // 6)))
    process = killing.start(flags, run_dir)
    _wait_until_taken_over(process)
    while steps and killing.steps_logged(run_dir) < before + steps and process.poll() is None:
        time.sleep(killing.POLL)
    time.sleep(rng.uniform(0.0, 0.05 if steps else IMPORTS))
    return printed.read_text() if _end(process, rng.choice(SIGNALS)) else None


def _require_true_message(text, run_dir):
    assert "Traceback" not in text and "Exception ignored" not in text
    last = text.splitlines()[-1]
    assert last.startswith("interrupted: ")
    stopped = re.search(r"stopped at step (\d+); the same command resumes there", last)
    if stopped:
        assert killing.newest_checkpoint(run_dir) == int(stopped[1])


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path):
    experiment = experiments.prepare("cyclematch", tmp_path)
    flags = experiment.flags(tmp_path, f"--steps={STEPS}", "--checkpoint_every=25", "--log_every=1")
    whole = tmp_path / "runs" / "whole"
    killing.train(flags, whole)

    with concurrent.futures.ThreadPoolExecutor(2) as lanes:
        found = lanes.map(lambda seed: _interrupted_often(flags, whole, seed), (0, 1))
        messages = [*itertools.chain.from_iterable(found)]
    stopped = sum("stopped at step" in message for message in messages)
    print(f"{MOMENTS} signals: {stopped} wrote a checkpoint, {MOMENTS - stopped} before a step")
    assert 0 < stopped < MOMENTS == len(messages)


def _interrupted_often(flags, whole, seed):
    """Interrupts a run at half of the moments and compares its end; returns its messages."""
    rng = random.Random(seed)
    run_dir = whole.with_name(f"interrupted{seed}")
    messages = []
    while len(messages) < MOMENTS // 2:
        text = _interrupt_training(flags, run_dir, rng)
        if text is None:  # it was over; what follows is another run
            assert killing.differences(whole, run_dir) == []
            run_dir = run_dir.with_name(f"{run_dir.name}b")
        else:
            _require_true_message(text, run_dir)
            messages.append(text.splitlines()[-1])
    killing.train(flags, run_dir)
    assert killing.differences(whole, run_dir) == []
    return messages


def _tool(*argv):
    return subprocess.Popen(
        [sys.executable, *argv],
        cwd=killing.ROOT,
        env={**os.environ, "PYTHONPATH": str(killing.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_a_preparation_leaves_nothing_half_written(number, tmp_path):
    prepared = tmp_path / "prepared"
    process = _tool(
        "tools/prepare_data.py", "--data=synthetic_matching", f"--prepared_dir={prepared}"
    )
    _wait_until_taken_over(process)
    while not list(tmp_path.iterdir()) and process.poll() is None:
        time.sleep(killing.POLL)
    ended = _end(process, number)
    text, _ = process.communicate()
    assert "Traceback" not in text and "Exception ignored" not in text
    assert [path for path in tmp_path.iterdir() if path != prepared] == []
    assert prepared.exists() != ended or "interrupted" in text
