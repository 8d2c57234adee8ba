"""A run killed with `kill -9` at random moments ends with the bytes of an undisturbed one.

TFVSE_KILLS says how often each system is killed; `python -m tests.killing.kill_twenty` does it twenty times and tells.
"""

import os

import pytest

from tests.conformance import experiments
from tests.killing.killing import Killed, kill_and_compare

KILLS = int(os.environ.get("TFVSE_KILLS", "3"))


@pytest.mark.parametrize("system", experiments.SYSTEMS)
def test_a_killed_run_ends_with_the_same_bytes(system, tmp_path):
    experiment = experiments.prepare(system, tmp_path)
    flags = experiment.flags(tmp_path, "--steps=16", "--epochs=0", "--checkpoint_every=3")
    events = list(kill_and_compare(flags, tmp_path / "runs", KILLS, seed=0))
    assert sum(isinstance(event, Killed) for event in events) == KILLS
