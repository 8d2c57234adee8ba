"""One training step of a system against the same network, loss and optimizer in PyTorch.

The two sides start from the same weights. They must agree on the loss before they are timed.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from benchmarks import timing
from tfvse import systems
from tfvse.errors import UserError
from tfvse.systems import base

SAME = 1e-3  # relative: how closely the two must agree on the loss before they are timed

# A batch → named losses and named logs, as `System.losses`.
Losses = Callable[[base.Batch], tuple[base.Losses, base.Logs]]


class TwoSides(NamedTuple):
    """A training step of this package and the same step in PyTorch.

    Attributes:
      what: name of the comparison.
      ours, other: a training step of either side, as functions without arguments.
      loss, other_loss: the loss of either side before any step, as functions without arguments.
    """

    what: str
    ours: timing.Work
    other: timing.Work
    loss: Callable[[], Any]
    other_loss: Callable[[], Any]


def measure(rounds: int, threads: int) -> timing.Section:
    """Time of a step of CycleMatch, CFN and CycleGAN.

    Raises:
      UserError: PyTorch is missing.
    """
    torch = torch_or_sentence("training", threads)
    from benchmarks.training_systems import MAKERS

    rows = [compare(make(), rounds) for make in MAKERS]
    return timing.Section("Training step", ("tfvse", f"PyTorch {torch.__version__}"), rows)


def torch_or_sentence(part: str, threads: int) -> Any:
    """The module torch, set to a number of threads.

    Raises:
      UserError: it is missing; `part` is what needs it.
    """
    try:
        import torch
    except ImportError:
        raise UserError(
            f"--only={part}: needs PyTorch; install it with: pip install torch"
        ) from None
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return torch


def compare(sides: TwoSides, rounds: int) -> timing.Row:
    """Checks that both sides compute the same loss, then times a step of each."""
    expected = float(sides.loss())
    found = float(sides.other_loss())
    assert abs(expected - found) <= SAME * abs(expected), (
        f"{sides.what}: the losses are {expected} and {found}"
    )
    return timing.paired(sides.what, sides.ours, sides.other, rounds)


def system_alone(
    name: str,
    element_spec: Mapping[str, tf.TensorSpec],
    data: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """A built system in its first stage, without a data set.

    Args:
      name: of the system.
      element_spec: of a batch.
      data: further attributes that the system reads of a data set.
      settings: of its config.
    """
    attributes: dict[str, Any] = {
        "vocabulary": None,
        "classes": list(range(10)),
        "split": lambda name: None,
        **(data or {}),
    }
    dataset = types.SimpleNamespace(element_spec=element_spec, **attributes)
    config = systems.load(name).Config(system=name, data="none", steps=100, **settings)
    system = base.create(config, dataset)
    system.create_optimizers()
    system.stage = system.stages()[0]
    return system


def keras_step(
    system: Any,
    batch: base.Batch,
    losses: Losses,
    role: str = "main",
) -> tuple[timing.Work, Callable[[], tf.Tensor]]:
    """(a training step, the weighted loss) as functions without arguments."""
    weights = system.stage.loss_weights

    @tf.function
    def step(batch: base.Batch) -> base.Logs:
        """One update."""
        return system.minimize(role, lambda: losses(batch))

    @tf.function
    def total(batch: base.Batch) -> tf.Tensor:
        """The weighted sum of the losses."""
        found, _ = losses(batch)
        return sum(weights.get(name, 1.0) * loss for name, loss in found.items())

    return lambda: step(batch)["loss"].numpy(), lambda: total(batch)


def torch_step(
    modules: Sequence[Any],
    loss: Callable[[], Any],
    make_optimizer: Callable[[list[dict[str, Any]]], Any],
) -> tuple[timing.Work, Callable[[], float]]:
    """(a training step, the loss) as functions without arguments.

    Weight decay is on kernels alone, as it is here.

    Args:
      modules: torch modules that the step trains.
      loss: gives the loss, a scalar torch.Tensor.
      make_optimizer: parameter groups → torch optimizer.
    """
    kernels: list[Any] = []
    others: list[Any] = []
    for module in modules:
        for parameter in module.parameters():
            group = kernels if parameter.ndim > 1 else others
            group.append(parameter)
    optimizer = make_optimizer([{"params": kernels}, {"params": others, "weight_decay": 0.0}])

    def step() -> float:
        """One update; returns the loss before it."""
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.item()

    return step, lambda: loss().item()
