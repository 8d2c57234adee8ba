"""Recipes as data: which optimizer trains which networks, how long, by which losses."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """Settings of one optimizer.

    Attributes:
      name: "sgd", "adam" or "adamw".
      learning_rate: initial rate, above 0.
      momentum, nesterov: of SGD.
      beta_1: of Adam.
      weight_decay: L2 penalty ½·wd·‖w‖² on kernels, as Caffe does it (AdamW: decoupled).
      clip_norm: bound of the global gradient norm; 0: none.
      schedule: "constant"; "step" (× `factor` at each of `drops`);
        "linear" (to zero at the stage's end, beginning at the fraction `decay_from` of it);
        "plateau" (× `factor` when the epoch's mean training loss has not fallen by more than 0.1 %
        for `patience` epochs).
      drops: fractions of the stage, or steps where above 1.
    """

    name: str
    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    schedule: str = "constant"
    drops: tuple[float, ...] = ()
    factor: float = 0.1
    patience: int = 3
    decay_from: float = 0.5


@dataclasses.dataclass(frozen=True)
class Stage:
    """One part of a training recipe.

    Attributes:
      name: shown in the log.
      trains: role → names of the networks that this role's optimizer updates. Everything else
        stays as it is.
      optimizers: role → `Optimizer`; the same roles as `trains`.
      loss_weights: loss name → weight; a loss that is not named has weight 1.
      steps, epochs: length; exactly one is above 0.
    """

    name: str
    trains: Mapping[str, tuple[str, ...]]
    optimizers: Mapping[str, Optimizer]
    loss_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    steps: int = 0
    epochs: int = 0
