"""What a system is: a method that owns Keras networks and says how they learn.

Trainer, evaluation, export and tools know only this contract. TensorFlow is imported inside the
methods that need it, so that the networks of a system also run on another Keras backend.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfvse.config import RunConfig
from tfvse.export.signature import Signature
from tfvse.training.recipe import Stage

if TYPE_CHECKING:
    import tensorflow as tf

    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel

Tensor = Any
Batch = Mapping[str, Tensor]
Losses = dict[str, Tensor]  # name → scalar
Logs = dict[str, Tensor]  # name → scalar


class System:
    """A method: networks, losses, recipe, evaluation, exported functions.

    Subclasses set the class attributes and implement `build`, `stages`, `losses` (or `train_step`),
    `evaluate` and `signatures`. The rest has defaults.

    Class attributes:
      Config: its dataclass of settings.
      data_kind: the kind of data that it learns from, a name in `tfvse.data.KINDS`.
      monitor: metric of `evaluate` that decides which checkpoint is best; "-name" when smaller is
        better.
      limits: sentences for the model card: what an exported model cannot do.
    """

    Config: type[RunConfig] = RunConfig
    data_kind = ""
    monitor = "loss"
    limits: tuple[str, ...] = ()

    def __init__(self, config: RunConfig):
        self.config: Any = config  # of the subclass's `Config`
        self.networks: dict[str, keras.Model] = {}
        self.optimizers: dict[tuple[str, str], keras.optimizers.Optimizer] = {}  # (stage, role) →
        self.stage: Stage  # the current one; the trainer sets it before the first step
        self.seen_losses: set[str] = set()  # names that the steps of this stage computed
        self.step: Any = None  # int64 scalar tf.Variable, the seed of everything stateless

    def build(self, data: Any) -> None:
        """Creates `self.networks`, every one built with the shapes of `data.element_spec`."""
        raise NotImplementedError

    def start(self) -> None:
        """Loads the weights that a new run starts from; called once before its first step.

        A run that is resumed, an evaluation and an export take all weights from a checkpoint.
        """

    def stages(self) -> tuple[Stage, ...]:
        """The recipe."""
        raise NotImplementedError

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """Losses of one batch, in keras.ops.

        Args:
          batch: one replica's part, as `data.element_spec` says.

        Returns:
          (losses, logs): name → scalar. Losses are unweighted; each is the mean over this replica's
          part of the batch, or over the whole batch where the parts were gathered. Logs are
          diagnostics, which nothing is trained by.
        """
        raise NotImplementedError

    def train_step(self, batch: Batch) -> Logs:
        """One update from one replica's batch, here of all roles by one gradient: scalar logs."""
        return self.minimize(tuple(self.stage.trains), lambda: self.losses(batch))

    def minimize(
        self, roles: str | tuple[str, ...], compute_losses: Callable[[], tuple[Losses, Logs]]
    ) -> Logs:
        """Updates what `roles` train in this stage; several roles share one gradient.

        Returns:
          The losses, the logs, and "loss", the weighted sum of the losses.
        """
        from tfvse.training import optimizers

        return optimizers.minimize(self, roles, compute_losses)

    def gather(self, tensor: Tensor) -> Tensor:
        """`tensor` [b, …] of every replica, in replica order: [B, …]. Gradients flow back."""
        from tfvse.training import distribution

        return distribution.gather(tensor)

    def create_optimizers(self) -> None:
        """Makes every stage's optimizers and the step variable, inside the strategy's scope."""
        import tensorflow as tf

        from tfvse.training import optimizers

        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        for stage in self.stages():
            for role, settings in stage.optimizers.items():
                variables = self.trainable_variables(stage.trains[role])
                self.optimizers[stage.name, role] = optimizers.create(
                    settings, self.config, variables
                )

    def trainable_variables(self, names: tuple[str, ...]) -> list[keras.Variable]:
        """The trainable variables of the networks called `names`, in order."""
        variables = []
        for name in names:
            variables += self.networks[name].trainable_variables
        return variables

    def checkpoint_items(self) -> dict[str, list[tf.Variable]]:
        """All that must survive a kill: name → variables. Systems with more state add to it."""
        items = {}
        for name, network in self.networks.items():
            items[name] = [variable.value for variable in network.variables]
        for (stage, role), optimizer in self.optimizers.items():
            items[f"{stage}_{role}_optimizer"] = [v.value for v in optimizer.variables]
        if self.step is not None:
            items["step"] = [self.step]
        return items

    def warning(self, logs: Mapping[str, float]) -> str | None:
        """One sentence when `logs` show that training has gone wrong silently, else None."""
        return None

    def evaluate(self, data: Any, split: str, work_dir: pathlib.Path | None = None) -> Report:
        """Runs the system's protocol on a split.

        Args:
          data: loaded data set.
          split: "train", "val" or "test".
          work_dir: where a long evaluation keeps what it has counted, so that it can be resumed;
            None: nowhere.

        Returns:
          `tfvse.evaluation.report.Report`; its `examples` hold what `plots` draws.
        """
        raise NotImplementedError

    def samples(self, data: Any) -> dict[str, np.ndarray]:
        """Images that show how training goes: name → uint8 [H, W, 3]."""
        return {}

    def sample_split(self, data: Any) -> str:
        """The split that `samples` shows: --monitor_split, but never the test split."""
        monitored = self.config.monitor_split
        return monitored if monitored != "test" else "train"

    def plots(self, report: Report, data: Any, run_dir: pathlib.Path) -> list[pathlib.Path]:
        """Writes the system's own PNGs of an evaluation into `run_dir`; returns their paths.

        Args:
          report: what `evaluate` returned in this process.
          data: loaded data set.
          run_dir: folder of the run, with its log.
        """
        return []

    def signatures(self, data: Any) -> dict[str, Signature]:
        """The exported functions, by name."""
        raise NotImplementedError

    def gallery(self, data: Any) -> Any:
        """The split whose images `search` of the exported model finds; None: it has no `search`."""
        return None

    def litert_models(self, data: Any) -> dict[str, LiteRTModel]:
        """What is converted to LiteRT, by name; empty: the system has no LiteRT form."""
        return {}


def create(config: RunConfig, data: Any, precision: str | None = None) -> System:
    """Makes the system of `config` and builds its networks from the config's seed.

    Args:
      config: an experiment's config.
      data: loaded data set (`tfvse.data.load`).
      precision: dtype policy in place of the config's; evaluation and export pass "float32".
    """
    from tfvse import systems

    system = systems.load(config.system)(config)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision or config.precision)
    try:
        keras.utils.set_random_seed(config.seed)
        system.build(data)
    finally:
        keras.config.set_dtype_policy(before)
    return system
