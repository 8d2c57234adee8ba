"""The experiments that every system must pass: its smoke configuration on synthetic data, cut to a few steps.

The list is `tfvse.systems.SYSTEMS` and configs/smoke/<system>.cfg: a new system is in as soon as it is registered.
"""

import dataclasses
import functools
import importlib
import pathlib

import numpy as np

from tfvse import data, experiment, systems
from tfvse.systems import base
from tfvse.training.recipe import Optimizer
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

    def flags(self, run_dir, *overrides):
        """What a person would type after `python tools/train.py`."""
        flagfile = f"--flagfile={ROOT / 'configs' / 'smoke' / self.system}.cfg"
        return [flagfile, f"--prepared_dir={self.prepared}", f"--run_dir={run_dir}", *overrides]

    def config(self, *overrides):
        return experiment.parse_experiment(self.flags("unused", *overrides))[0]

    @functools.cached_property
    def data(self):
        return data.load(self.config())

    def trainer(self, run_dir, *overrides, cls=Trainer):
        """Three steps a stage."""
        config, run_dir = experiment.parse_experiment(self.flags(run_dir, *SHORT, *overrides))
        return cls(config, self.data, run_dir, base.create)


def prepare(system, folder):
    """Prepares the data of a system's smoke run under `folder` with the tools, once; returns the `Experiment`."""
    config = Experiment(system, folder).config()
    assert config.data.startswith("synthetic"), (
        f"configs/smoke/{system}.cfg must run on synthetic data"
    )
    prepared = folder / config.data
    if not prepared.exists():
        tool("prepare_data").main([f"--data={config.data}", f"--prepared_dir={prepared}"])
    if hasattr(
        config, "image_encoder"
    ):  # systems share the data, not always the encoder; what is there is left alone
        tool("extract_features").main(
            [f"--prepared_dir={prepared}", f"--image_encoder={config.image_encoder}"]
        )
    return Experiment(system, prepared)


def tool(name):
    """The module tools/<name>.py."""
    return importlib.import_module(f"tools.{name}")


class Watched(Trainer):
    """Notes, in `seen`, what the system holds before and after every stage."""

    def _run_stage(self, stage):
        before = networks(self.system), state(self.system)
        super()._run_stage(stage)
        self.seen = [
            *getattr(self, "seen", []),
            (stage, before, (networks(self.system), state(self.system))),
        ]


def without_dropout(config):
    """Flags that turn every dropout of a config off."""
    return [
        f"--{field.name}=0"
        for field in dataclasses.fields(config)
        if field.name.endswith("dropout")
    ]


def create_with_sgd(config, dataset):
    """Like `base.create`, but every role learns by plain SGD: unlike Adam it does not hide a wrongly scaled gradient.

    The rate is a small part of the role's own: a step that is too large multiplies rounding errors, which differ
    between devices, in a network of many layers.
    """
    system = base.create(config, dataset)

    class WithSGD(type(system)):
        def stages(self):
            return tuple(
                dataclasses.replace(
                    stage,
                    optimizers={
                        r: Optimizer("sgd", SGD_RATE * o.learning_rate)
                        for r, o in stage.optimizers.items()
                    },
                )
                for stage in super().stages()
            )

    system.__class__ = WithSGD
    return system


def weights(system):
    """ "<network>/<number>" → np.ndarray of every weight; the seeds of dropout are none."""
    return {
        f"{name}/{number}": array
        for name, network in system.networks.items()
        for number, array in enumerate(network.get_weights())
    }


def networks(system):
    """Network name → bytes of its weights."""
    return {
        name: b"".join(w.tobytes() for w in network.get_weights())
        for name, network in system.networks.items()
    }


def state(system):
    """Name → bytes of everything that a checkpoint holds: networks, optimizers, seeds, pools, step."""
    items = system.checkpoint_items()
    return {
        name: b"".join(np.asarray(v).tobytes() for v in variables)
        for name, variables in items.items()
    }
