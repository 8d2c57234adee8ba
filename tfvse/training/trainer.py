"""The training loop: stages × steps under a strategy, with logs, checkpoints and exact resume.

Why not `Model.fit`: it fails under MultiWorkerMirroredStrategy and its BackupAndRestore loses the position within an
epoch. Here the order of data is a pure function of (seed, epoch, step), so a checkpoint needs no iterator: a run that
was killed goes on from its last checkpoint and ends with the same bytes.
"""

import io
import itertools
import math
import pathlib
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from tfvse import interruption
from tfvse.data import pipeline
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.progress import Progress, say
from tfvse.training import distribution, log, machine, run_folder
from tfvse.training.checkpoint import Checkpoints
from tfvse.training.optimizers import LearningRate


class Trainer:
    """Trains the system of a config on a data set, in a run folder, until its stages are done."""

    def __init__(self, config, data, run_dir, create_system, strategy=None):
        """Claims the run folder and builds everything inside the strategy's scope.

        Args:
          config: the experiment's config.
          data: the loaded data set.
          run_dir: folder of the run (pathlib.Path), new or of the same experiment.
          create_system: callable (config, data) → built `System`; called inside the strategy's scope.
          strategy: from `distribution.make_strategy`; several workers must make it before they touch TensorFlow. None:
            made here.

        Raises:
          UserError: the folder holds another experiment, or another process trains in it.
          Interrupted: a signal has come.
        """
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.config, self.data, self.run_dir = config, data, pathlib.Path(run_dir)
        self.strategy = strategy or distribution.make_strategy(config.strategy)
        self.chief = distribution.is_chief(self.strategy)
        if self.chief:
            self._lock = run_folder.claim(config, self.run_dir)
        with self.strategy.scope():
            self.system = create_system(config, data)
            interruption.check()
            self.system.create_optimizers()
            interruption.check()
        self.checkpoints = Checkpoints(
            self.run_dir, self.system.checkpoint_items(), config.keep_checkpoints, self.chief
        )
        self.train_set = data.train_set()
        self.steps_per_epoch = pipeline.steps_per_epoch(self.train_set.size, config.batch_size)
        self.state = {
            "step": 0,
            "stage": 0,
            "stage_step": 0,
            "epoch_loss": [0.0, 0],
            "rates": {},
            "best": None,
            "waited": 0,
        }
        self.rates, self.writer, self._warned = {}, None, set()
        self._saved = 0  # step of the newest checkpoint; 0: none

    def run(self):
        """Trains to the end of the last stage, from the newest checkpoint if there is one. Returns the `System`.

        Raises:
          Interrupted: a signal has come; a checkpoint of the last step is written.
        """
        try:
            self._run()
        finally:
            self.close()
        return self.system

    def close(self):
        """Lets go of the run folder."""
        if self.chief:
            self._lock.close()

    def _run(self):
        restored = self.checkpoints.restore_newest()
        if restored:
            self._check_data(restored)
            self._warn_of_machine(restored)
            self.state = dict(restored)
            self._saved = restored["step"]
            print(f"going on from step {self.state['step']} in {self.run_dir}")
        else:
            with self.strategy.scope():
                self.system.start()
        interruption.check()
        if self.chief:
            log.trim(self.run_dir, self.state["step"])
            self.writer = tf.summary.create_file_writer(str(self.run_dir / "tensorboard"))
        stages = self.system.stages()
        for index in range(self.state["stage"], len(stages)):
            self._run_stage(stages[index])
            self.state.update(
                stage=index + 1, stage_step=0, epoch_loss=[0.0, 0], rates={}, waited=0
            )
        if not restored or restored["stage"] < len(stages):
            self._save()

    def _check_data(self, state):
        if state["data"] != self.data.checksum:
            raise UserError(
                f"--prepared_dir={self.config.prepared_path}: the data has changed since {self.run_dir} was begun; "
                "prepare the same data again or use another --run_dir"
            )

    def _warn_of_machine(self, state):
        # A checkpoint of before the machine was recorded has nothing to compare.
        difference = machine.difference(state.get("machine", {}), machine.describe())
        if difference:
            print(
                f"warning: {self.run_dir}: its checkpoint was written under other conditions ({difference}); "
                "training goes on, but may end with other bytes than it would have there",
                file=sys.stderr,
            )

    def stage_steps(self, stage):
        """Length of `stage` in steps."""
        return stage.steps or stage.epochs * self.steps_per_epoch

    def _run_stage(self, stage):
        self.system.stage = stage
        self.system.seen_losses.clear()
        total = self.stage_steps(stage)
        self.rates = {role: LearningRate(o, total) for role, o in stage.optimizers.items()}
        for role, state in self.state["rates"].items():
            self.rates[role].state = state
        self._rate_now = {}
        step_function = self._compile_step()
        batches = iter(self._distributed_batches())
        shown = Progress(
            stage.name,
            "step",
            total,
            done=self.state["stage_step"],
            stream=None if self.chief else io.StringIO(),  # other workers show nothing
        )
        with shown:
            while self.state["stage_step"] < total and not self._stopped_early():
                self._set_step()
                logs = step_function(next(batches))
                self._check_loss_weights(stage)
                self.state["step"] += 1
                self.state["stage_step"] += 1
                shown.update()
                self._after_step(stage, logs, shown)
                self._stop_if_requested()

    def _stop_if_requested(self):
        """After a signal: writes a checkpoint of this step and raises `Interrupted`."""
        if not interruption.requested():
            return
        # The workers of a cluster do not stop at the same step, and they save together or not at all.
        if not distribution.is_cluster(self.strategy) and self._saved != self.state["step"]:
            self._save()
        step = self.state["step"]
        at = "there" if self._saved == step else f"at step {self._saved}"
        raise interruption.Interrupted(f"stopped at step {step}; the same command resumes {at}")

    def _check_loss_weights(self, stage):
        unknown = set(stage.loss_weights) - self.system.seen_losses
        if unknown:
            known = ", ".join(sorted(self.system.seen_losses))
            raise ValueError(
                f"stage {stage.name!r} weighs {sorted(unknown)[0]!r}, which is none of its losses: {known}"
            )

    def _stopped_early(self):
        return self.config.early_stop and self.state["waited"] >= self.config.early_stop

    def _compile_step(self):
        # A new tf.function for every stage: what a stage trains and weighs is fixed when it is traced.
        replica_step = tf.function(self.system.train_step, jit_compile=self.config.xla or None)

        @tf.function
        def step(batch):
            logs = self.strategy.run(replica_step, args=(batch,))
            return distribution.mean_over_replicas(self.strategy, logs)

        return step

    def _distributed_batches(self):
        replicas = self.strategy.num_replicas_in_sync

        def make(_=None):
            return pipeline.batches(
                self.train_set,
                self.config.batch_size,
                self.config.seed,
                self.state["step"],
                replicas,
                distribution.local_replicas(self.strategy),
            )

        return make() if replicas == 1 else self.strategy.distribute_datasets_from_function(make)

    def _set_step(self):
        self.system.step.assign(self.state["step"])
        for role, rate in self.rates.items():
            optimizer = self.system.optimizers[self.system.stage.name, role]
            value = rate.at(self.state["stage_step"])
            if value != self._rate_now.get(role):
                getattr(optimizer, "inner_optimizer", optimizer).learning_rate = value
                self._rate_now[role] = value

    def _after_step(self, stage, logs, shown):
        step, config = self.state["step"], self.config
        if any(o.schedule == "plateau" for o in stage.optimizers.values()):
            total, count = self.state["epoch_loss"]
            self.state["epoch_loss"] = [
                total + logs["loss"],
                count + 1,
            ]  # a tensor: no wait for the device here
        if step % config.log_every == 0 or self.state["stage_step"] in (1, self.stage_steps(stage)):
            self._log(stage, {name: float(value) for name, value in logs.items()}, shown)
        if self.state["stage_step"] % self.steps_per_epoch == 0:
            self._epoch_ended()
        if self.chief and config.sample_every and step % config.sample_every == 0:
            self.write_samples()
        if step % config.checkpoint_every == 0:
            self._save()

    def _epoch_ended(self):
        total, count = self.state["epoch_loss"]
        if count:
            for rate in self.rates.values():
                rate.epoch_ended(float(total) / count)
        self.state["epoch_loss"] = [0.0, 0]
        every = self.config.evaluate_every
        if every and (self.state["stage_step"] // self.steps_per_epoch) % every == 0:
            self._evaluate()

    def _evaluate(self):
        report = self.system.evaluate(self.data, self.config.monitor_split)
        name = self.system.monitor.removeprefix("-")
        value = report.metrics[name] * (-1 if self.system.monitor.startswith("-") else 1)
        self._write_log(
            {f"{self.config.monitor_split}/{key}": float(v) for key, v in report.metrics.items()}
        )
        say(
            f"step {self.state['step']}: {self.config.monitor_split} {name} {report.metrics[name]:.2f}"
        )
        if self.state["best"] is None or value > self.state["best"]:
            self.state.update(best=value, waited=0)
            self.checkpoints.save_best(self._full_state())
        else:
            self.state["waited"] += 1

    def _log(self, stage, logs, shown):
        few = itertools.islice(logs.items(), 4)
        shown.note(", ".join(f"{name}={value:.4g}" for name, value in few))
        wrong = [name for name, value in logs.items() if not math.isfinite(value)]
        if wrong:
            self._stop_on_nan(f"the log {wrong[0]!r}")
        rates = [rate.at(self.state["stage_step"] - 1) for rate in self.rates.values()]
        self._write_log({**logs, "learning_rate": rates[0]}, stage.name)
        warning = self.system.warning(logs)
        if warning and warning not in self._warned:
            self._warned.add(warning)
            say(f"warning: step {self.state['step']}: {warning}", sys.stderr)

    def _stop_on_nan(self, what):
        kept = self.checkpoints.steps()
        where = (
            f"the checkpoint of step {kept[-1]} is the last good one"
            if kept
            else "no checkpoint was written yet"
        )
        raise UserError(
            f"step {self.state['step']}: {what} is not a finite number, training stops; {where}; try a lower rate, "
            "--clip_norm, or --precision=float32"
        )

    def _write_log(self, values, stage=""):
        if not self.chief:
            return
        step = self.state["step"]
        line = {
            "step": step,
            "epoch": step / self.steps_per_epoch,
            "stage": stage,
            "time": round(time.time(), 3),
            **values,
        }
        log.append(self.run_dir, line)
        with self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def write_samples(self):
        """Writes the system's sample pictures into `<run_dir>/samples/` and TensorBoard."""
        for name, picture in self.system.samples(self.data).items():
            with atomic_write(
                self.run_dir / "samples" / f"{name}-{self.state['step']:09d}.png"
            ) as temporary:
                keras.utils.save_img(temporary, picture, scale=False, file_format="png")
            with self.writer.as_default(step=self.state["step"]):
                tf.summary.image(name, picture[None])

    def _full_state(self):
        rates = {role: rate.state for role, rate in self.rates.items()}
        total, count = self.state["epoch_loss"]
        return {
            **self.state,
            "epoch_loss": [float(total), count],
            "rates": rates if self.state["stage_step"] else {},
            "data": self.data.checksum,
            "machine": machine.describe(),
        }

    def _save(self):
        for name, network in self.system.networks.items():
            if not all(np.isfinite(v.numpy()).all() for v in network.trainable_variables):
                self._stop_on_nan(f"a weight of {name}")
        self.checkpoints.save(self._full_state())
        self._saved = self.state["step"]
