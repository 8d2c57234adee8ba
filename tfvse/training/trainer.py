"""The training loop: stages of steps under a strategy, with logs, checkpoints and exact resume.

It does not use `Model.fit`, which fails under MultiWorkerMirroredStrategy. Keras's BackupAndRestore
also loses the position within an epoch. Here the order of data is a pure function of (seed, epoch,
step), so a checkpoint needs no iterator. A killed run resumes from its last checkpoint and ends
with the same bytes.
"""

from __future__ import annotations

import io
import itertools
import math
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, NoReturn

import numpy as np
import tensorflow as tf

from tfvse import interruption
from tfvse.config import RunConfig
from tfvse.data import pipeline
from tfvse.errors import UserError
from tfvse.progress import Progress, say
from tfvse.training import distribution, machine, optimizers, run_folder
from tfvse.training.checkpoint import Checkpoints, State, initial_state
from tfvse.training.learning_rate import StageRates
from tfvse.training.recipe import Stage
from tfvse.training.writer import RunWriter

if TYPE_CHECKING:
    from tfvse.systems.base import System


class Trainer:
    """Trains the system of a config on a data set, in a run folder, to the end of its last stage.

    Attributes:
      system: the `System` that learns.
      state: the position of the run; a checkpoint keeps it.
      chief: whether this process writes the run folder.
      run_dir: the run folder.
      config: the config of the experiment.
      checkpoints: the `Checkpoints` of the run.
    """

    def __init__(
        self,
        config: RunConfig,
        data: Any,
        run_dir: pathlib.Path,
        create_system: Callable[[Any, Any], System],
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        """Claims the run folder and builds everything inside the strategy's scope.

        Args:
          config: the config of the experiment.
          data: the loaded data set.
          run_dir: folder of the run, new or of the same experiment.
          create_system: (config, data) → built `System`; called inside the strategy's scope.
          strategy: from `distribution.make_strategy`. Several workers must make it before they
            touch TensorFlow. None: made here.

        Raises:
          UserError: the folder holds another experiment, or another process trains in it.
          Interrupted: a signal has come.
        """
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.config = config
        self.data = data
        self.run_dir = pathlib.Path(run_dir)
        self.strategy = strategy or distribution.make_strategy(config.strategy)
        self.chief = distribution.is_chief(self.strategy)
        self._lock: IO[str] | None = None
        if self.chief:
            self._lock = run_folder.claim(config, self.run_dir)

        with self.strategy.scope():
            self.system = create_system(config, data)
            interruption.check()
            self.system.create_optimizers()
            interruption.check()

        items = self.system.checkpoint_items()
        self.checkpoints = Checkpoints(self.run_dir, items, config.keep_checkpoints, self.chief)
        self.train_set = data.train_set()
        self.steps_per_epoch = pipeline.steps_per_epoch(self.train_set.size, config.batch_size)
        self.state = initial_state()
        self._rates: StageRates  # of the current stage
        self._writer: RunWriter | None = None
        self._warned: set[str] = set()
        self._saved = 0  # step of the newest checkpoint; 0: none

    def run(self) -> System:
        """Trains to the end of the last stage, from the newest checkpoint if there is one.

        Raises:
          Interrupted: a signal has come; a checkpoint of the last step is written.
          UserError: the data has changed, or a loss or weight is not finite.
        """
        try:
            self._run()
        finally:
            self.close()
        return self.system

    def close(self) -> None:
        """Releases the run folder."""
        if self._lock is not None:
            self._lock.close()

    def _run(self) -> None:
        """`run` without the release of the run folder."""
        restored = self._restore()
        interruption.check()
        if self.chief:
            self._writer = RunWriter(self.run_dir, self.state["step"])

        stages = self.system.stages()
        for index in range(self.state["stage"], len(stages)):
            self._run_stage(stages[index])
            self.state.update(
                stage=index + 1, stage_step=0, epoch_loss=[0.0, 0], rates={}, waited=0
            )
        if not restored or restored["stage"] < len(stages):
            self._save()

    def _restore(self) -> State | None:
        """Resumes from the newest checkpoint, or loads the weights that a new run starts from.

        Returns:
          The restored state; None for a new run.
        """
        restored = self.checkpoints.restore_newest()
        if not restored:
            with self.strategy.scope():
                self.system.start()
            return None

        run_folder.refuse_other_data(
            self.config, self.run_dir, restored["data"], self.data.checksum
        )
        # Older checkpoints do not describe their machine.
        machine.warn_of_difference(self.run_dir, restored.get("machine", {}))
        self.state = dict(restored)
        self._saved = restored["step"]
        print(f"resuming from step {self.state['step']} in {self.run_dir}")
        return restored

    def stage_steps(self, stage: Stage) -> int:
        """The length of `stage` in steps."""
        return stage.steps or stage.epochs * self.steps_per_epoch

    def _run_stage(self, stage: Stage) -> None:
        """Trains `stage` from the step that `state` says."""
        self._enter(stage)
        total = self.stage_steps(stage)
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
                optimizers.check_loss_weights(stage, self.system.seen_losses)
                self.state["step"] += 1
                self.state["stage_step"] += 1
                shown.update()
                self._after_step(stage, logs, shown)
                self._stop_if_requested()

    def _enter(self, stage: Stage) -> None:
        """Makes `stage` the current one, with its learning rates as the state has them."""
        self.system.stage = stage
        self.system.seen_losses.clear()
        self._rates = StageRates(stage, self.stage_steps(stage), self.state["rates"])

    def _stop_if_requested(self) -> None:
        """After a signal: writes a checkpoint of this step and raises `Interrupted`."""
        if not interruption.requested():
            return

        # Workers of a cluster do not stop at the same step, and they can only save together.
        if not distribution.is_cluster(self.strategy) and self._saved != self.state["step"]:
            self._save()
        step = self.state["step"]
        at = "there" if self._saved == step else f"at step {self._saved}"
        raise interruption.Interrupted(f"stopped at step {step}; the same command resumes {at}")

    def _stopped_early(self) -> bool:
        """Whether --early_stop ends the stage."""
        return 0 < self.config.early_stop <= self.state["waited"]

    def _compile_step(self) -> Callable[[Any], dict[str, tf.Tensor]]:
        """The function that updates the system from one global batch and returns its logs."""
        # A new tf.function for every stage: its trace fixes what the stage trains and weighs.
        replica_step = tf.function(self.system.train_step, jit_compile=self.config.xla or None)

        @tf.function
        def step(batch):
            """One update on all replicas: name → scalar, averaged over them."""
            logs = self.strategy.run(replica_step, args=(batch,))
            return distribution.mean_over_replicas(self.strategy, logs)

        return step

    def _distributed_batches(self) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """The batches of the stage from the current step on, without end."""
        replicas = self.strategy.num_replicas_in_sync

        def make(_: Any = None) -> tf.data.Dataset:
            """The batches of the replicas in this process."""
            return pipeline.batches(
                self.train_set,
                self.config.batch_size,
                self.config.seed,
                self.state["step"],
                replicas,
                distribution.local_replicas(self.strategy),
            )

        return make() if replicas == 1 else self.strategy.distribute_datasets_from_function(make)

    def _set_step(self) -> None:
        """Tells the system the step, and the optimizers their learning rate where it changes."""
        self.system.step.assign(self.state["step"])
        self._rates.assign(self.system.optimizers, self.state["stage_step"])

    def _after_step(self, stage: Stage, logs: Mapping[str, tf.Tensor], shown: Progress) -> None:
        """Does what is due after a step: log, end of an epoch, sample images, checkpoint."""
        step = self.state["step"]
        config = self.config
        if self._rates.need_loss:
            total, count = self.state["epoch_loss"]
            # The sum stays a tensor, so that Python does not wait for the device here.
            self.state["epoch_loss"] = [total + logs["loss"], count + 1]
        if step % config.log_every == 0 or self.state["stage_step"] in (1, self.stage_steps(stage)):
            self._log(stage, {name: float(value) for name, value in logs.items()}, shown)
        if self.state["stage_step"] % self.steps_per_epoch == 0:
            self._epoch_ended()
        if self.chief and config.sample_every and step % config.sample_every == 0:
            self.write_samples()
        if step % config.checkpoint_every == 0:
            self._save()

    def _epoch_ended(self) -> None:
        """Tells the learning rates the mean loss of the epoch, and evaluates if it is due."""
        total, count = self.state["epoch_loss"]
        if count:
            self._rates.epoch_ended(float(total) / count)
        self.state["epoch_loss"] = [0.0, 0]

        every = self.config.evaluate_every
        if every and (self.state["stage_step"] // self.steps_per_epoch) % every == 0:
            self._evaluate()

    def _evaluate(self) -> None:
        """Evaluates on --monitor_split and keeps the checkpoint if it is the best so far."""
        split = self.config.monitor_split
        metrics = self.system.evaluate(self.data, split).metrics
        self._write({f"{split}/{key}": float(value) for key, value in metrics.items()})

        name = self.system.monitor.removeprefix("-")
        say(f"step {self.state['step']}: {split} {name} {metrics[name]:.2f}")
        value = -metrics[name] if self.system.monitor.startswith("-") else metrics[name]
        if self.state["best"] is None or value > self.state["best"]:
            self.state.update(best=value, waited=0)
            self.checkpoints.save_best(self._full_state())
        else:
            self.state["waited"] += 1

    def _log(self, stage: Stage, logs: Mapping[str, float], shown: Progress) -> None:
        """Shows and writes the logs of a step, and warns where the system does.

        Raises:
          UserError: a value is not finite.
        """
        few = itertools.islice(logs.items(), 4)
        shown.note(", ".join(f"{name}={value:.4g}" for name, value in few))
        for name, value in logs.items():
            if not math.isfinite(value):
                self._stop_on_nan(f"the log {name!r}")

        rate = self._rates.first(self.state["stage_step"] - 1)
        self._write({**logs, "learning_rate": rate}, stage.name)
        warning = self.system.warning(logs)
        if warning and warning not in self._warned:
            self._warned.add(warning)
            say(f"warning: step {self.state['step']}: {warning}", sys.stderr)

    def _stop_on_nan(self, what: str) -> NoReturn:
        """Raises the `UserError` that `what` is not finite."""
        kept = self.checkpoints.steps()
        where = "no checkpoint was written yet"
        if kept:
            where = f"the checkpoint of step {kept[-1]} is the last good one"
        raise UserError(
            f"step {self.state['step']}: {what} is not a finite number, training stops; {where}; "
            "try a lower rate, --clip_norm, or --precision=float32"
        )

    def _write(self, values: Mapping[str, float], stage: str = "") -> None:
        """The chief writes `values` of this step into the log."""
        if self._writer is not None:
            step = self.state["step"]
            self._writer.scalars(step, step / self.steps_per_epoch, stage, values)

    def write_samples(self) -> None:
        """The chief writes the sample images of the system for this step."""
        if self._writer is not None:
            for name, image in self.system.samples(self.data).items():
                self._writer.image(self.state["step"], name, image)

    def _full_state(self) -> State:
        """The state as a checkpoint keeps it."""
        total, count = self.state["epoch_loss"]
        return {
            **self.state,
            "epoch_loss": [float(total), count],
            "rates": self._rates.states() if self.state["stage_step"] else {},
            "data": self.data.checksum,
            "machine": machine.describe(),
        }

    def _save(self) -> None:
        """Writes a checkpoint of this step.

        Raises:
          UserError: a weight is not finite.
        """
        for name, network in self.system.networks.items():
            if not all(np.isfinite(v.numpy()).all() for v in network.trainable_variables):
                self._stop_on_nan(f"a weight of {name}")
        self.checkpoints.save(self._full_state())
        self._saved = self.state["step"]
