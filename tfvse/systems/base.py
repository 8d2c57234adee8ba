"""What a system is: a method that owns Keras networks and says how they learn. The trainer knows only this contract.

TensorFlow is imported inside the methods that need it, so that the networks of a system also import and run on a
machine with another Keras backend.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfvse.config import RunConfig


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """Settings of one optimizer.

    Attributes:
      name: "sgd", "adam" or "adamw".
      learning_rate: initial rate, above 0.
      momentum, nesterov: of SGD.
      beta_1: of Adam.
      weight_decay: L2 penalty ½·wd·‖w‖² on weights with two or more dimensions, as Caffe does it (AdamW: decoupled).
      clip_norm: bound of the global gradient norm; 0: none.
      schedule: "constant"; "step" (× `factor` at each of `boundaries`, in steps of the stage); "linear" (to zero at
        the stage's end, from the fraction `decay_from` of it on); "plateau" (× `factor` when the epoch's mean training
        loss has not fallen by more than 0.1 % for `patience` epochs).
    """

    name: str
    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    schedule: str = "constant"
    boundaries: tuple[int, ...] = ()
    factor: float = 0.1
    patience: int = 3
    decay_from: float = 0.5


@dataclasses.dataclass(frozen=True)
class Stage:
    """One part of a training recipe.

    Attributes:
      name: shown in the log.
      trains: role → names of the networks that this role's optimizer updates; everything else stays as it is.
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


@dataclasses.dataclass(frozen=True)
class Signature:
    """One named function of an exported model.

    Attributes:
      function: keyword tensors → dict of tensors; stock TensorFlow operations and the system's networks only.
      inputs: name → (dtype name, shape); None in a shape is free.
      example: name → np.ndarray, one valid call: warm-up request and parity check.
    """

    function: Callable[..., Mapping[str, Any]]
    inputs: Mapping[str, tuple[str, tuple]]
    example: Mapping[str, Any]


class System:
    """A method: networks, losses, recipe, evaluation, exported functions.

    Subclasses set `Config`, `data_kind` and `monitor`, and implement `build`, `stages`, `losses` (or `train_step`),
    `evaluate` and `signatures`; the rest has defaults.
    """

    Config = RunConfig
    data_kind = (
        ""  # the manifest kind that it learns from: "matching", "classification" or "translation"
    )
    monitor = "loss"  # metric of `evaluate` that decides which checkpoint is best; "-name" when smaller is better

    def __init__(self, config):
        self.config = config
        self.networks: dict[str, keras.Model] = {}
        self.optimizers = {}  # (stage name, role) → keras optimizer, made by `create_optimizers`
        self.stage = None
        self.step = None  # int64 scalar variable, the global step: the seed of everything stateless
        self.kept_dir = (
            None  # pathlib.Path, where a long evaluation keeps what it has counted; None: nowhere
        )

    def build(self, data):
        """Creates `self.networks`, every one built with the shapes of `data.element_spec`."""
        raise NotImplementedError

    def start(self):
        """Called once before the first step of a new run: weights that training starts from are loaded here.

        A run that goes on, an evaluation and an export take all weights from a checkpoint instead.
        """

    def stages(self):
        """The recipe: a tuple of `Stage`."""
        raise NotImplementedError

    def losses(self, batch):
        """Named scalar losses of one batch, unweighted, in keras.ops.

        Each is the mean over this replica's part of the batch, or over the whole batch where the parts were gathered.
        """
        raise NotImplementedError

    def train_step(self, batch):
        """One update from one replica's batch (dict of tensors); returns scalar logs. Here: all roles, one gradient."""
        return self.minimize(tuple(self.stage.trains), lambda: self.losses(batch))

    def minimize(self, roles, compute_losses):
        """Updates what `roles` (one or a tuple) train in this stage; returns the losses and "loss", their weighted sum.

        Several roles share one computation of the losses and their gradients.
        """
        from tfvse.training import optimizers

        return optimizers.minimize(self, roles, compute_losses)

    def gather(self, tensor):
        """`tensor` [b, …] of every replica, concatenated in replica order: [B, …]. Gradients flow back."""
        from tfvse.training import distribution

        return distribution.gather(tensor)

    def create_optimizers(self):
        """Makes and builds every stage's optimizers and the step variable; call it inside the strategy's scope."""
        import tensorflow as tf

        from tfvse.training import optimizers

        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        for stage in self.stages():
            for role, settings in stage.optimizers.items():
                variables = [
                    v
                    for name in stage.trains[role]
                    for v in self.networks[name].trainable_variables
                ]
                self.optimizers[stage.name, role] = optimizers.create(
                    settings, self.config, variables
                )

    def checkpoint_items(self):
        """All that must survive a kill: name → list of tf.Variable. Systems with more state (pools) add to it."""
        items = {
            name: [v.value for v in network.variables] for name, network in self.networks.items()
        }
        for (stage, role), optimizer in self.optimizers.items():
            items[f"{stage}_{role}_optimizer"] = [v.value for v in optimizer.variables]
        if self.step is not None:
            items["step"] = [self.step]
        return items

    def warning(self, logs):
        """One sentence when `logs` (name → float) show that training has gone wrong silently, else None."""
        return None

    def evaluate(self, data, split):
        """Runs the system's protocol on a split of `data`; returns a `tfvse.evaluation.report.Report`."""
        raise NotImplementedError

    def samples(self, data):
        """Pictures that show how training goes: name → uint8 [H, W, 3]."""
        return {}

    def plots(self, data, split, run_dir):
        """Writes the system's own PNGs into `run_dir` after an evaluation; returns their paths."""
        return []

    def signatures(self, data):
        """The exported functions: name → `Signature`."""
        raise NotImplementedError


def create(config, data, precision=None):
    """Makes the system of `config` and builds its networks from the config's seed.

    Args:
      config: an experiment's config.
      data: loaded data set (`tfvse.data.load`).
      precision: dtype policy instead of the config's; evaluation and export pass "float32".
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
