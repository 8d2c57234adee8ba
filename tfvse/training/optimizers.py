"""Optimizers from settings, and one update by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfvse.config import RunConfig
from tfvse.errors import UserError
from tfvse.training.recipe import Optimizer, Stage

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
    common: dict[str, Any] = {
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


def _create(settings: Optimizer, common: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """The optimizer called `settings.name`, with the arguments `common` to all of them."""
    if settings.name == "sgd":
        return keras.optimizers.SGD(
            momentum=settings.momentum, nesterov=settings.nesterov, **common
        )
    if settings.name == "adam":
        return keras.optimizers.Adam(beta_1=settings.beta_1, **common)
    if settings.name == "adamw":
        optimizer = keras.optimizers.AdamW(
            beta_1=settings.beta_1, weight_decay=settings.weight_decay, **common
        )
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
      roles: one key of `stage.trains`, or several, which share one computation of losses and
        gradients.
      compute_losses: returns (losses, logs), as `System.losses` does.

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

    sources = []
    for own in variables:
        sources.append([variable.value for variable in own])
    gradients = tape.gradient(scaled, sources)
    for optimizer, own, found in zip(optimizers, variables, gradients, strict=True):
        # The loss was scaled for float16 as the first optimizer has it; the others undo their own.
        scale = optimizer.scale_loss(1.0) / optimizers[0].scale_loss(1.0)
        _apply(optimizer, own, found, scale)
    system.seen_losses.update(losses)
    return {**losses, **logs, "loss": total}


def check_loss_weights(stage: Stage, computed: Set[str]) -> None:
    """Raises `ValueError` if `stage` weighs a loss that is not among the `computed` ones."""
    unknown = set(stage.loss_weights) - computed
    if unknown:
        known = ", ".join(sorted(computed))
        raise ValueError(
            f"stage {stage.name!r} weighs {min(unknown)!r}, which is none of its losses: {known}"
        )


def _weighted_sum(losses: Mapping[str, tf.Tensor], weights: Mapping[str, float]) -> tf.Tensor:
    """The sum of the losses, float32 scalar; a loss without a weight has weight 1."""
    total = 0.0
    for name, loss in losses.items():
        total += weights.get(name, 1.0) * tf.cast(loss, tf.float32)
    return total


def _apply(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    gradients: Sequence[tf.Tensor | tf.IndexedSlices | None],
    scale: tf.Tensor | float,
) -> None:
    """Updates the variables that have a gradient, each gradient times `scale`."""
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


def _stays_sparse(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether `optimizer` may receive only the rows of an embedding's gradient that are not zero.

    Several workers cannot reduce such a gradient. Every optimizer except plain SGD changes all rows
    in every step.
    """
    plain = isinstance(optimizer, keras.optimizers.SGD) and not optimizer.momentum
    return plain and tf.distribute.get_strategy().num_replicas_in_sync == 1


def _l2_penalty(settings: Optimizer, variables: Sequence[keras.Variable]) -> tf.Tensor | float:
    """½·wd·‖w‖² over the kernels of `variables`, float32 scalar; AdamW decays by itself."""
    if not settings.weight_decay or settings.name == "adamw":
        return 0.0
    kernels = [v for v in variables if v.name not in NOT_DECAYED]
    return settings.weight_decay * tf.add_n([tf.nn.l2_loss(v.value) for v in kernels])
