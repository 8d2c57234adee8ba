"""The loop: stages, exact resume, plain words when a run cannot continue."""

import hashlib
import json
import signal

import numpy as np
import pytest

from tests.training import tiny
from tests.training.interrupted import killed_at
from tfvse import interruption, systems
from tfvse.errors import UserError
from tfvse.systems import base
from tfvse.training.checkpoint import Checkpoints
from tfvse.training.trainer import Trainer


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(systems, "load", lambda name: tiny.Line)


def trainer(run_dir, data=None, **settings):
    settings = {"batch_size": 4, "steps": 10, "checkpoint_every": 3, "log_every": 2, **settings}
    return Trainer(
        tiny.Config(system="line", data="points", **settings),
        data or tiny.Points(),
        run_dir,
        base.create,
    )


def log(run_dir):
    return [
        {**json.loads(line), "time": 0} for line in (run_dir / "log.jsonl").read_text().splitlines()
    ]


def test_a_line_is_fitted(tmp_path):
    system = trainer(tmp_path, steps=60).run()
    np.testing.assert_allclose(system.networks["slope"].get_weights()[0][:, 0], [1, 2, 3], atol=0.3)


def test_a_stage_changes_what_it_trains_and_nothing_else(tmp_path):
    run = trainer(tmp_path)
    killed_at(10, run)
    assert np.all(run.system.networks["bias"].get_weights()[1] == 0)
    slope = run.system.networks["slope"].get_weights()[0]
    after = trainer(tmp_path).run()
    assert np.all(after.networks["bias"].get_weights()[1] != 0)
    np.testing.assert_array_equal(after.networks["slope"].get_weights()[0], slope)


@pytest.mark.parametrize("step", [1, 7, 14])
@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.5, "optimizer": "adam"},
        {"schedule": "plateau", "steps": 0, "epochs": 3},
        {"precision": "mixed_float16"},
    ],
)
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, step, settings):
    whole = tiny.weights(trainer(tmp_path / "whole", **settings).run())
    killed_at(step, trainer(tmp_path / "killed", **settings))
    assert tiny.weights(trainer(tmp_path / "killed", **settings).run()) == whole
    assert log(tmp_path / "killed") == log(tmp_path / "whole")


@pytest.mark.parametrize("step", [1, 6, 13])
def test_a_signal_stops_after_the_step_with_a_checkpoint(tmp_path, step, own_signals):
    whole = tiny.weights(trainer(tmp_path / "whole").run())
    interruption.install()
    stopped = trainer(tmp_path / "stopped")
    set_step = stopped._set_step

    def signalled():
        set_step()
        if stopped.state["step"] == step - 1:
            signal.raise_signal(signal.SIGTERM)

    stopped._set_step = signalled
    with pytest.raises(interruption.Interrupted) as caught:
        stopped.run()
    assert str(caught.value) == f"stopped at step {step}; the same command resumes there"
    assert stopped.checkpoints.steps()[-1] == step
    interruption.install()
    assert tiny.weights(trainer(tmp_path / "stopped").run()) == whole


def _state_file(run_dir):
    return max((run_dir / "checkpoints").glob("[0-9]*")) / "state.json"


def test_a_changed_state_is_noticed_and_the_checkpoint_before_it_used(tmp_path, capsys):
    killed_at(14, trainer(tmp_path))
    path = _state_file(tmp_path)
    path.write_text(path.read_text().replace('"waited": 0', '"waited": 1'))
    resumed = trainer(tmp_path)
    resumed.run()
    assert "checksum of state.json" in capsys.readouterr().err


def test_a_run_on_another_machine_is_warned_of(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    killed_at(4, trainer(tmp_path))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    trainer(tmp_path).run()
    assert "under other conditions (threads 3 → 5)" in capsys.readouterr().err


def test_checkpoints_of_before_the_checksum_of_the_state_still_load(tmp_path, capsys):
    whole = tiny.weights(trainer(tmp_path / "whole").run())
    killed_at(4, trainer(tmp_path / "old"))
    path = _state_file(tmp_path / "old")
    state = json.loads(path.read_text())
    del state["machine"]
    files = path.parent.glob("variables.*")
    state["files"] = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    path.write_text(json.dumps(state))
    (path.parent / "SHA256SUMS").unlink()
    assert tiny.weights(trainer(tmp_path / "old").run()) == whole
    assert "warning" not in capsys.readouterr().err


def test_a_run_that_goes_on_from_an_older_checkpoint_drops_the_damaged_newer_ones(tmp_path):
    killed_at(14, trainer(tmp_path))
    for name in ("000000009", "000000012"):
        (tmp_path / "checkpoints" / name / "state.json").write_text("{")
    killed_at(7, trainer(tmp_path, checkpoint_every=1))
    assert Checkpoints(tmp_path, {}).steps()[-1] == 7


def test_a_finished_run_is_left_alone(tmp_path):
    run = trainer(tmp_path)
    before = tiny.weights(run.run())
    assert tiny.weights(trainer(tmp_path).run()) == before


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_it_used(tmp_path, capsys):
    whole = tiny.weights(trainer(tmp_path / "whole").run())
    killed_at(14, trainer(tmp_path / "killed"))
    newest = tmp_path / "killed" / "checkpoints" / "000000012" / "variables.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:-5])
    assert tiny.weights(trainer(tmp_path / "killed").run()) == whole
    assert "000000012: the checkpoint is damaged" in capsys.readouterr().err


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(UserError, match="is not a finite number, training stops"):
        trainer(tmp_path, learning_rate=1e12, steps=40, checkpoint_every=2, log_every=1).run()


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    run = trainer(tmp_path)
    run.close()
    with pytest.raises(UserError, match="--seed=5: the run in .* was begun with 0"):
        trainer(tmp_path, seed=5)


def test_two_processes_cannot_train_in_one_folder(tmp_path):
    run = trainer(tmp_path)
    with pytest.raises(UserError, match="another process trains there"):
        trainer(tmp_path)
    run.close()


def test_changed_data_is_refused(tmp_path):
    killed_at(4, trainer(tmp_path))
    other = tiny.Points()
    other.checksum = "others"
    with pytest.raises(UserError, match="the data has changed"):
        trainer(tmp_path, other).run()


def test_training_stops_early_and_keeps_the_best(tmp_path):
    # With a learning rate of zero nothing gets better.
    # So the first evaluation is the best, and two more end each stage.
    run = trainer(tmp_path, steps=0, epochs=9, learning_rate=0.0, evaluate_every=1, early_stop=2)
    run.run()
    assert run.state["step"] == 5 * (3 + 2)
    assert json.loads((tmp_path / "checkpoints" / "best" / "state.json").read_text())["step"] == 5


def test_weight_decay_is_an_l2_penalty(tmp_path):
    # One SGD step of rate 0.1 on data that is zero: w ← w − 0.1 · 0.5 · w = 0.95 w.
    run = trainer(tmp_path, tiny.Points(scale=0.0), steps=1, learning_rate=0.1, weight_decay=0.5)
    before = run.system.networks["slope"].get_weights()[0]
    np.testing.assert_allclose(
        run.run().networks["slope"].get_weights()[0], 0.95 * before, rtol=1e-6
    )
