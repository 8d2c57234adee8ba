"""Optimizers from settings, one update, and learning rates that are a function of the step or of the loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfvse.config import RunConfig
from tfvse.errors import UserError
from tfvse.training.recipe import Optimizer

if TYPE_CHECKING:
    from tfvse.systems.base import System


NOT_DECAYED = ("bias", "beta", "gamma")  # weights by their role


def create(
    settings: Optimizer, config: RunConfig, variables: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer:
    """A built Keras optimizer.

    Args:
      settings: name, rate and the rest.
      config: the run's config (precision, gradient_accumulation).
      variables: what it will update.

    Raises:
      UserError: an unknown name.
    """
    common = {
        "learning_rate": settings.learning_rate,
        "global_clipnorm": settings.clip_norm or None,
    }
    if config.gradient_accumulation > 1:
        common["gradient_accumulation_steps"] = config.gradient_accumulation
    optimizer = _create(settings, common)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer


def _create(settings, common):
    if settings.name == "sgd":
        own = {"momentum": settings.momentum, "nesterov": settings.nesterov}
        return keras.optimizers.SGD(**own, **common)
    if settings.name == "adam":
        return keras.optimizers.Adam(beta_1=settings.beta_1, **common)
    if settings.name == "adamw":
        own = {"beta_1": settings.beta_1, "weight_decay": settings.weight_decay}
        optimizer = keras.optimizers.AdamW(**own, **common)
        optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
        return optimizer
    raise UserError(f"optimizer {settings.name!r}: must be one of sgd, adam, adamw")


def minimize(
    system: System,
    roles: str | tuple[str, ...],
    compute_losses: Callable[[], tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor]]],
) -> dict[str, tf.Tensor]:
    """One update of what `roles` train in the system's current stage, inside a replica.

    Args:
      system: its `stage` says the weights of the losses and the networks to train.
      roles: key of `stage.trains`, or several, which then share one computation of the losses and
        gradients.
      compute_losses: gives (losses, logs), as `System.losses` does.

    Returns:
      Every loss, unweighted; the logs; and "loss", the weighted sum without the L2 penalty.
    """
    stage = system.stage
    roles = (roles,) if isinstance(roles, str) else roles
    optimizers = [system.optimizers[stage.name, role] for role in roles]
    variables = [system.trainable_variables(stage.trains[role]) for role in roles]
    with tf.GradientTape() as tape:
        losses, logs = compute_losses()
        total = _weighted_sum(losses, stage.loss_weights)
        penalty = 0.0
        for role, own in zip(roles, variables, strict=True):
            penalty += _l2_penalty(stage.optimizers[role], own)
        # Keras sums gradients over replicas, so every replica contributes its share of the mean.
        share = (total + penalty) / tf.distribute.get_strategy().num_replicas_in_sync
        scaled = optimizers[0].scale_loss(share)

    gradients = tape.gradient(scaled, [[v.value for v in own] for own in variables])
    for optimizer, own, found in zip(optimizers, variables, gradients, strict=True):
        # The loss was scaled for float16 as the first optimizer has it; the others undo their own.
        scale = optimizer.scale_loss(1.0) / optimizers[0].scale_loss(1.0)
        _apply(optimizer, own, found, scale)
    system.seen_losses.update(losses)
    return {**losses, **logs, "loss": total}


def _weighted_sum(losses, weights):
    total = 0.0
    for name, loss in losses.items():
        total += weights.get(name, 1.0) * tf.cast(loss, tf.float32)
    return total


def _apply(optimizer, variables, gradients, scale):
    kept_gradients = []
    kept_variables = []
    for variable, gradient in zip(variables, gradients, strict=True):
        if gradient is None:
            continue
        if not _stays_sparse(optimizer):
            gradient = tf.convert_to_tensor(gradient) * scale
        kept_gradients.append(gradient)
        kept_variables.append(variable)
    optimizer.apply(kept_gradients, kept_variables)


def _stays_sparse(optimizer):
    """Whether `optimizer` may get the rows of an embedding's gradient that are not zero, instead of all of them.

    Several workers cannot reduce such a gradient, and any optimizer but plain SGD changes every row in every step.
    """
    plain = isinstance(optimizer, keras.optimizers.SGD) and not optimizer.momentum
    return plain and tf.distribute.get_strategy().num_replicas_in_sync == 1


def _l2_penalty(settings: Optimizer, variables: Sequence[keras.Variable]) -> tf.Tensor | float:
    if not settings.weight_decay or settings.name == "adamw":
        return 0.0
    kernels = [v for v in variables if v.name not in NOT_DECAYED]
    return settings.weight_decay * tf.add_n([tf.nn.l2_loss(v.value) for v in kernels])


@dataclasses.dataclass
class LearningRate:
    """The learning rate of one optimizer over a stage.

    Attributes:
      settings: of the optimizer.
      stage_steps: length of the stage.
      state: what a checkpoint must keep.
    """

    settings: Optimizer
    stage_steps: int
    state: dict[str, Any] = dataclasses.field(
        default_factory=lambda: {"factor": 1.0, "best": None, "waited": 0}
    )

    def at(self, step: int) -> float:
        """Learning rate for step `step`, from 0, of the stage."""
        settings = self.settings
        rate = settings.learning_rate * self.state["factor"]
        if settings.schedule == "step":
            passed = [drop for drop in settings.drops if step >= self._step_of(drop)]
            rate *= settings.factor ** len(passed)
        elif settings.schedule == "linear":
            start = settings.decay_from * self.stage_steps
            if step > start:
                rate *= (self.stage_steps - step) / (self.stage_steps - start)
        return rate

    def _step_of(self, drop):
        return drop if drop > 1 else round(drop * self.stage_steps)

    def epoch_ended(self, mean_loss: float) -> None:
        """Lowers the rate after `patience` epochs whose mean loss has not fallen."""
        if self.settings.schedule != "plateau":
            return
        state = self.state
        if state["best"] is None or mean_loss < state["best"] - 1e-3 * abs(state["best"]):
            state.update(best=mean_loss, waited=0)
            return
        state["waited"] += 1
        if state["waited"] >= self.settings.patience:
            state.update(factor=state["factor"] * self.settings.factor, waited=0)
