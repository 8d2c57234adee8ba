"""Optimizers from settings, one update, and learning rates that are a function of the step or of the loss."""

import dataclasses

import keras
import tensorflow as tf

from tfvse.errors import UserError


def create(settings, config, variables):
    """A built Keras optimizer.

    Args:
      settings: `tfvse.systems.base.Optimizer`.
      config: the run's config (precision, gradient_accumulation).
      variables: list of keras.Variable that it will update.

    Raises:
      UserError: an unknown name.
    """
    common = {
        "learning_rate": settings.learning_rate,
        "global_clipnorm": settings.clip_norm or None,
        "gradient_accumulation_steps": config.gradient_accumulation
        if config.gradient_accumulation > 1
        else None,
    }
    if settings.name == "sgd":
        optimizer = keras.optimizers.SGD(
            momentum=settings.momentum, nesterov=settings.nesterov, **common
        )
    elif settings.name == "adam":
        optimizer = keras.optimizers.Adam(beta_1=settings.beta_1, **common)
    elif settings.name == "adamw":
        optimizer = keras.optimizers.AdamW(
            beta_1=settings.beta_1, weight_decay=settings.weight_decay, **common
        )
    else:
        raise UserError(f"optimizer {settings.name!r}: must be one of sgd, adam, adamw")
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer


def minimize(system, roles, compute_losses):
    """One update of what `roles` train in the system's current stage, inside a replica.

    Args:
      system: the `System`; its `stage` says the weights of the losses and the networks to train.
      roles: key of `stage.trains`, or a tuple of keys, which then share one computation of the losses and gradients.
      compute_losses: callable → dict name → scalar loss.

    Returns:
      dict of scalars: every loss, unweighted, and "loss", their weighted sum without the L2 penalty.
    """
    stage, roles = system.stage, (roles,) if isinstance(roles, str) else roles
    optimizers = [system.optimizers[stage.name, role] for role in roles]
    variables = [
        [v for name in stage.trains[r] for v in system.networks[name].trainable_variables]
        for r in roles
    ]
    with tf.GradientTape() as tape:
        losses = compute_losses()
        total = sum(
            stage.loss_weights.get(name, 1.0) * tf.cast(loss, tf.float32)
            for name, loss in losses.items()
        )
        penalty = sum(
            _l2_penalty(stage.optimizers[r], own) for r, own in zip(roles, variables, strict=True)
        )
        # Keras sums gradients over replicas, so every replica contributes its share of the mean.
        share = (total + penalty) / tf.distribute.get_strategy().num_replicas_in_sync
        scaled = optimizers[0].scale_loss(share)
    gradients = tape.gradient(scaled, [[v.value for v in own] for own in variables])
    # The loss was scaled for float16 as the first optimizer has it; the others undo a scale of their own.
    scales = [optimizer.scale_loss(1.0) / optimizers[0].scale_loss(1.0) for optimizer in optimizers]
    for number, optimizer in enumerate(optimizers):
        found = [
            (g, v)
            for g, v in zip(gradients[number], variables[number], strict=True)
            if g is not None
        ]
        kept = [
            g if _stays_sparse(optimizer) else tf.convert_to_tensor(g) * scales[number]
            for g, _ in found
        ]
        optimizer.apply(kept, [v for _, v in found])
    return {**losses, "loss": total}


def _stays_sparse(optimizer):
    """Whether `optimizer` may get the rows of an embedding's gradient that are not zero, instead of all of them.

    Several workers cannot reduce such a gradient, and any optimizer but plain SGD changes every row in every step.
    """
    plain = isinstance(optimizer, keras.optimizers.SGD) and not optimizer.momentum
    return plain and tf.distribute.get_strategy().num_replicas_in_sync == 1


def _l2_penalty(settings, variables):
    if not settings.weight_decay or settings.name == "adamw":
        return 0.0
    return settings.weight_decay * tf.add_n(
        [tf.nn.l2_loss(v.value) for v in variables if len(v.shape) > 1]
    )


@dataclasses.dataclass
class LearningRate:
    """The learning rate of one optimizer over a stage; `state` is what a checkpoint must keep."""

    settings: object
    stage_steps: int
    state: dict = dataclasses.field(
        default_factory=lambda: {"factor": 1.0, "best": None, "waited": 0}
    )

    def at(self, step):
        """Learning rate for step `step` (int, from 0) of the stage."""
        settings = self.settings
        rate = settings.learning_rate * self.state["factor"]
        if settings.schedule == "step":
            rate *= settings.factor ** sum(step >= boundary for boundary in settings.boundaries)
        elif settings.schedule == "linear":
            start = settings.decay_from * self.stage_steps
            if step > start:
                rate *= (self.stage_steps - step) / (self.stage_steps - start)
        return rate

    def epoch_ended(self, mean_loss):
        """Counts epochs whose mean loss (float) no longer falls; lowers the rate after `patience` of them."""
        if self.settings.schedule != "plateau":
            return
        state = self.state
        if state["best"] is None or mean_loss < state["best"] - 1e-3 * abs(state["best"]):
            state.update(best=mean_loss, waited=0)
            return
        state["waited"] += 1
        if state["waited"] >= self.settings.patience:
            state.update(factor=state["factor"] * self.settings.factor, waited=0)
