"""The experiments that every system must pass: its smoke config on synthetic data, cut short.

The list is `tfvse.systems.SYSTEMS` and configs/smoke/<system>.cfg. A new system is in as soon as it
is registered.
"""

import dataclasses
import functools
import importlib
import pathlib
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfvse import data, systems
from tfvse.config import RunConfig
from tfvse.experiment import parse_experiment
from tfvse.systems import base
from tfvse.systems.base import System
from tfvse.training.recipe import Optimizer, Stage
from tfvse.training.trainer import Trainer

ROOT = pathlib.Path(__file__).parents[2]
SYSTEMS = tuple(systems.SYSTEMS)
SGD_RATE = 0.01
SHORT = ("--steps=3", "--epochs=0", "--log_every=1", "--checkpoint_every=1")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A system's smoke run on the prepared data in `prepared`."""

    system: str
    prepared: pathlib.Path

    def flags(self, run_dir: pathlib.Path | str, *overrides: str) -> list[str]:
        """What a person would type after `python tools/train.py`."""
        flagfile = f"--flagfile={ROOT / 'configs' / 'smoke' / self.system}.cfg"
        return [flagfile, f"--prepared_dir={self.prepared}", f"--run_dir={run_dir}", *overrides]

    def config(self, *overrides: str) -> RunConfig:
        """The config, with some overrides."""
        return parse_experiment(self.flags("unused", *overrides))[0]

    @functools.cached_property
    def data(self) -> Any:
        """The prepared data set."""
        return data.load_for(self.config())

    def trainer(
        self, run_dir: pathlib.Path, *overrides: str, cls: type[Trainer] = Trainer
    ) -> Trainer:
        """A trainer of three steps a stage."""
        config, run_dir = parse_experiment(self.flags(run_dir, *SHORT, *overrides))
        return cls(config, self.data, run_dir, base.create)


def prepare(system: str, folder: pathlib.Path) -> Experiment:
    """Prepares the data of a system's smoke run under `folder` with the tools, once."""
    config = Experiment(system, folder).config()
    assert config.data.startswith("synthetic"), (
        f"configs/smoke/{system}.cfg must run on synthetic data"
    )
    prepared = folder / config.data
    if not prepared.exists():
        tool("prepare_data").main([f"--data={config.data}", f"--prepared_dir={prepared}"])

    # Systems share the data, not always the encoder; features that are there stay.
    if hasattr(config, "image_encoder"):
        encoder = f"--image_encoder={config.image_encoder}"
        tool("extract_features").main([f"--prepared_dir={prepared}", encoder])
    return Experiment(system, prepared)


def tool(name: str) -> types.ModuleType:
    """The module tools/<name>.py."""
    return importlib.import_module(f"tools.{name}")


class Watched(Trainer):
    """Notes, in `seen`, what the system holds before and after every stage."""

    def _run_stage(self, stage: Stage) -> None:
        before = (networks(self.system), state(self.system))
        super()._run_stage(stage)
        after = (networks(self.system), state(self.system))
        self.seen = [*getattr(self, "seen", []), (stage, before, after)]


def without_dropout(config: RunConfig) -> list[str]:
    """Flags that turn every dropout of a config off."""
    names = [field.name for field in dataclasses.fields(config)]
    return [f"--{name}=0" for name in names if name.endswith("dropout")]


def create_with_sgd(config: RunConfig, dataset: Any) -> System:
    """Like `base.create`, but every role learns by plain SGD.

    Unlike Adam, SGD does not hide a wrongly scaled gradient. Its rate is a small part of the role's
    own: in a network of many layers a step that is too large multiplies rounding errors, which
    differ between devices.
    """
    system = base.create(config, dataset)

    class WithSGD(type(system)):
        def stages(self) -> tuple[Stage, ...]:
            return tuple(map(_with_sgd, super().stages()))

    system.__class__ = WithSGD
    return system


def _with_sgd(stage: Stage) -> Stage:
    optimizers = {}
    for role, optimizer in stage.optimizers.items():
        optimizers[role] = Optimizer("sgd", SGD_RATE * optimizer.learning_rate)
    return dataclasses.replace(stage, optimizers=optimizers)


def weights(system: System) -> dict[str, np.ndarray]:
    """ "<network>/<number>" → every weight; the seeds of dropout are none."""
    found = {}
    for name, network in system.networks.items():
        for number, array in enumerate(network.get_weights()):
            found[f"{name}/{number}"] = array
    return found


def networks(system: System) -> dict[str, bytes]:
    """Network name → bytes of its weights."""
    return {name: _bytes(network.get_weights()) for name, network in system.networks.items()}


def state(system: System) -> dict[str, bytes]:
    """Name → bytes of what a checkpoint holds: networks, optimizers, seeds, pools, step."""
    items = system.checkpoint_items()
    return {name: _bytes(variables) for name, variables in items.items()}


def _bytes(arrays: Iterable[Any]) -> bytes:
    return b"".join(np.asarray(array).tobytes() for array in arrays)
