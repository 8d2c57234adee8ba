"""A run killed with `kill -9` at a random moment ends with the bytes of an undisturbed one.

Every system is killed once here, each at a moment of its own. `python -m tests.killing.kill_twenty`
kills more often.
"""

import pytest

from tests.conformance import experiments
from tests.killing.killing import Killed, kill_and_compare


@pytest.mark.parametrize("system", experiments.SYSTEMS)
def test_a_killed_run_ends_with_the_same_bytes(system, tmp_path):
    experiment = experiments.prepare(system, tmp_path)
    flags = experiment.flags(tmp_path, "--steps=16", "--epochs=0", "--checkpoint_every=3")
    seed = experiments.SYSTEMS.index(system)
    events = list(kill_and_compare(flags, tmp_path / "runs", kills=1, seed=seed))
    assert any(isinstance(event, Killed) for event in events)
