"""How every system trains.

Stages change what they declare, a killed run resumes, and half precision holds.
"""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.interrupted import killed_at
from tfvse import experiment as tfvse_experiment
from tfvse.systems import base
from tfvse.training.trainer import Trainer


def changed(before, after):
    """Names of what differs between two dicts with the same keys."""
    return {name for name in before if before[name] != after[name]}


def log(run_dir):
    """The lines of a run's log, without their times."""
    lines = (run_dir / "log.jsonl").read_text().splitlines()
    return [{**json.loads(line), "time": 0} for line in lines]


def last_checkpoint(run_dir):
    """Everything that the newest checkpoint holds: key → bytes, and the trainer's state."""
    folder = max((run_dir / "checkpoints").glob("[0-9]*"))
    reader = tf.train.load_checkpoint(str(folder / "variables"))
    held = {}
    for key in reader.get_variable_to_shape_map():
        held[key] = np.asarray(reader.get_tensor(key)).tobytes()
    # Names of the variables, which this process has given away before.
    held.pop("_CHECKPOINTABLE_OBJECT_GRAPH")
    return held, json.loads((folder / "state.json").read_text())


def test_stages_name_networks_that_exist_and_have_one_length(whole):
    for stage in whole.system.stages():
        assert stage.trains.keys() == stage.optimizers.keys()
        names = [name for role in stage.trains for name in stage.trains[role]]
        assert names and all(whole.system.networks[name].trainable_variables for name in names)
        assert bool(stage.steps) != bool(stage.epochs)


def test_a_stage_changes_exactly_what_it_declares(whole):
    optimizers = {f"{stage}_{role}_optimizer" for stage, role in whole.system.optimizers}
    assert [stage.name for stage, _, _ in whole.seen] == [
        stage.name for stage in whole.system.stages()
    ]
    for stage, (networks, state), (networks_after, state_after) in whole.seen:
        trained = {name for names in stage.trains.values() for name in names}
        assert changed(networks, networks_after) == trained
        assert changed(state, state_after) & optimizers == {
            f"{stage.name}_{role}_optimizer" for role in stage.trains
        }


def test_a_run_killed_and_replayed_from_the_flagfile_ends_with_the_same_bytes(
    experiment, whole, tmp_path
):
    config, run_dir = tfvse_experiment.parse_experiment(
        [f"--flagfile={whole.run_dir}/flags.cfg", f"--run_dir={tmp_path}"]
    )
    assert config == whole.config

    def run():
        return Trainer(config, experiment.data, run_dir, base.create)

    killed_at(whole.state["step"] - 1, run())
    run().run()
    assert last_checkpoint(run_dir) == last_checkpoint(whole.run_dir)
    assert log(run_dir) == log(whole.run_dir)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_few_steps_in_half_precision_are_finite(experiment, tmp_path, precision):
    system = experiment.trainer(tmp_path, f"--precision={precision}").run()
    layers = [layer for network in system.networks.values() for layer in network._flatten_layers()]
    assert any(layer.compute_dtype == precision.removeprefix("mixed_") for layer in layers)
    weights = [
        weight for network in system.networks.values() for weight in network.trainable_weights
    ]
    assert all(weight.dtype == "float32" for weight in weights)
    assert keras.config.dtype_policy().name == "float32"
    numbers = [
        value for line in log(tmp_path) for value in line.values() if isinstance(value, float)
    ]
    assert numbers and all(map(math.isfinite, numbers))
