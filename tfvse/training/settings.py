"""Settings that training reads, whatever the system."""

import dataclasses

from tfvse.config import Settings, setting
from tfvse.training.recipe import Optimizer

# Setting → the value of --optimizer or --schedule that reads it.
_READERS = {
    "momentum": ("optimizer", "sgd"),
    "nesterov": ("optimizer", "sgd"),
    "beta_1": ("optimizer", "adam"),
    "drop_at": ("schedule", "step"),
    "decay_from": ("schedule", "linear"),
    "patience": ("schedule", "plateau"),
}


@dataclasses.dataclass(frozen=True)
class OptimizerSettings(Settings):
    """The optimizer and how its rate falls."""

    optimizer: str = setting("sgd", "optimizer", choices=("sgd", "adam"))
    learning_rate: float = setting(0.1, "initial learning rate", low=0.0)
    momentum: float = setting(0.9, "momentum of SGD", low=0.0, high=1.0)
    nesterov: bool = setting(False, "Nesterov's momentum of SGD")
    beta_1: float = setting(0.9, "momentum of Adam", low=0.0, high=1.0)
    weight_decay: float = setting(0.0, "L2 penalty of the kernels, not of biases", low=0.0)
    clip_norm: float = setting(0.0, "bound of the gradient's norm; 0: none", low=0.0)
    schedule: str = setting(
        "constant", "how the rate falls", choices=("constant", "step", "linear", "plateau")
    )
    drop_at: tuple[float, ...] = setting(
        (),
        "step: where the rate is divided by ten; fractions of the stage, or steps where above 1",
        low=0.0,
    )
    decay_from: float = setting(
        0.0, "linear: fraction of the stage after which the rate falls to 0", low=0.0, high=1.0
    )
    patience: int = setting(
        3, "plateau: epochs without a lower loss before the rate is divided by ten", low=1
    )

    def unread(self) -> dict[str, str]:
        """The settings that the chosen optimizer and schedule do not read."""
        unread = super().unread()
        for name, (chooser, choice) in _READERS.items():
            if getattr(self, chooser) != choice:
                unread[name] = f"--{chooser}={choice}"
        return unread

    def optimizer_settings(self, factor: float = 1.0) -> Optimizer:
        """The `Optimizer` that these settings describe, its rate times `factor`."""
        return Optimizer(
            self.optimizer,
            factor * self.learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            beta_1=self.beta_1,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            schedule=self.schedule,
            drops=self.drop_at,
            patience=self.patience,
            decay_from=self.decay_from,
        )
