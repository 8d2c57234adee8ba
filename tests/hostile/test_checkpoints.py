"""Damage to a run: it is refused, an older checkpoint is used, or it has no consequence."""

import functools
import pathlib
import random
import shutil
import tempfile

import pytest

from tests.hostile import attack
from tests.training import tiny
from tfvse import experiment, systems
from tfvse.systems import base
from tfvse.training import log
from tfvse.training.checkpoint import Checkpoints, load_networks
from tfvse.training.trainer import Trainer

COUNT = 200
NEWEST = "checkpoints/000000020"
FILES = (
    *(f"{NEWEST}/variables.index", f"{NEWEST}/variables.data-00000-of-00001"),
    *(f"{NEWEST}/state.json", f"{NEWEST}/SHA256SUMS", "flags.cfg", "log.jsonl"),
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of the smallest system with checkpoints of the steps 5, 10, 15 and 20."""
    folder = tmp_path_factory.mktemp("run")
    settings = {
        "batch_size": 4,
        "steps": 10,
        "checkpoint_every": 5,
        "keep_checkpoints": 5,
        "log_every": 1,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems, "load", lambda name: tiny.Line)
        config = tiny.Config(system="line", data="points", **settings)
        Trainer(config, tiny.Points(), folder, base.create).run()
    return folder


def _use(value):
    """Looks at a copy of a run in which one file is damaged as an evaluation and a training do."""
    run_dir, name, data = value
    systems.load = lambda name: tiny.Line  # in a process of its own
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "run"
        shutil.copytree(run_dir, copy)
        (copy / name).write_bytes(data)
        config = experiment.from_run_dir(copy)
        system = base.create(config, tiny.Points())
        state = load_networks(system, copy)
        records = log.read(copy)
        log.trim(copy, 10)
    assert (config, state, tiny.weights(system)) == _good(run_dir)[state["step"]]
    assert all(type(record["step"]) is int for record in records)


@functools.cache
def _good(run_dir):
    """Step → what an undamaged run gives there."""
    config = experiment.from_run_dir(run_dir)
    system = base.create(config, tiny.Points())
    networks = {name: [v.value for v in n.variables] for name, n in system.networks.items()}
    checkpoints = Checkpoints(run_dir, networks)
    found = {}
    for step in checkpoints.steps():
        state = checkpoints.restore(f"{step:09d}")
        found[step] = config, state, tiny.weights(system)
    return found


def _flips(data, count, rng):
    """`count` copies of `data`, each with another bit flipped."""
    for bit in rng.sample(range(8 * len(data)), count):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


@pytest.mark.parametrize("damage", [_flips, attack.mutations])
def test_a_damaged_run_is_refused_or_harmless(run_dir, damage):
    rng = random.Random(17)
    inputs = {}
    for name in FILES:
        copies = damage((run_dir / name).read_bytes(), COUNT // 2 // len(FILES) + 1, rng)
        for number, data in enumerate(copies):
            inputs[f"{name} {number}"] = str(run_dir), name, data
    outcomes = attack.attack(_use, inputs)
    print(attack.summary(outcomes))
    attack.require_held(outcomes)


def test_a_nested_log_and_surrogates_are_left_out(run_dir):
    lines = ["[" * 2000, '{"step": "\\ud800"}', '{"step": 1, "loss": NaN}', "3", '{"step": 1e400}']
    data = "\n".join([*lines, '{"step": 1, "loss": ' + "9" * 400 + "}"]).encode() + b"\n\xff\n"
    (outcome,) = attack.attack(_use, {"log": (str(run_dir), "log.jsonl", data)})
    assert outcome.end == "used"
