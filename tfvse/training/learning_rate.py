"""Learning rates as functions of the step or of the loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from tfvse.training.recipe import Optimizer, Stage


def _initial_state() -> dict[str, Any]:
    """The state of a `LearningRate` at the start of a stage."""
    return {"factor": 1.0, "best": None, "waited": 0}


@dataclasses.dataclass
class LearningRate:
    """The learning rate of one optimizer over a stage.

    Attributes:
      settings: of the optimizer.
      stage_steps: length of the stage, in steps.
      state: what a checkpoint must keep: "factor" (float), and of a plateau the "best" loss (float
        or None) and the number of epochs "waited" (int).
    """

    settings: Optimizer
    stage_steps: int
    state: dict[str, Any] = dataclasses.field(default_factory=_initial_state)

    def at(self, step: int) -> float:
        """The learning rate for step `step` of the stage; the first step is 0."""
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

    def _step_of(self, drop: float) -> float:
        """The step of a drop, which is given as a step or, up to 1, as a fraction of the stage."""
        return drop if drop > 1 else round(drop * self.stage_steps)

    def epoch_ended(self, mean_loss: float) -> None:
        """Notes the mean loss of an epoch; a plateau of `patience` epochs lowers the rate."""
        if self.settings.schedule != "plateau":
            return
        state = self.state
        if state["best"] is None or mean_loss < state["best"] - 1e-3 * abs(state["best"]):
            state.update(best=mean_loss, waited=0)
            return
        state["waited"] += 1
        if state["waited"] >= self.settings.patience:
            state["factor"] *= self.settings.factor
            state["waited"] = 0


class StageRates:
    """The learning rates of all optimizers of a stage.

    Attributes:
      need_loss: whether a rate depends on the mean loss of an epoch.
    """

    def __init__(self, stage: Stage, stage_steps: int, states: Mapping[str, dict[str, Any]]):
        """Args:
        stage: the stage.
        stage_steps: its length in steps.
        states: role → state of its rate, as `states` returns them; empty for a new stage.
        """
        self.need_loss = False
        self._stage = stage
        self._rates: dict[str, LearningRate] = {}
        self._assigned: dict[str, float] = {}
        for role, settings in stage.optimizers.items():
            self._rates[role] = LearningRate(settings, stage_steps)
            if role in states:
                self._rates[role].state = states[role]
            if settings.schedule == "plateau":
                self.need_loss = True

    def states(self) -> dict[str, dict[str, Any]]:
        """What a checkpoint must keep: role → state of its rate."""
        return {role: rate.state for role, rate in self._rates.items()}

    def first(self, step: int) -> float:
        """The rate of the stage's first role, at `step` of the stage."""
        return next(iter(self._rates.values())).at(step)

    def assign(
        self, optimizers: Mapping[tuple[str, str], keras.optimizers.Optimizer], step: int
    ) -> None:
        """Sets the rates for `step` of the stage where they change.

        Args:
          optimizers: of the system, by (stage, role).
        """
        for role, rate in self._rates.items():
            optimizer = optimizers[self._stage.name, role]
            value = rate.at(step)
            if value != self._assigned.get(role):
                getattr(optimizer, "inner_optimizer", optimizer).learning_rate = value
                self._assigned[role] = value

    def epoch_ended(self, mean_loss: float) -> None:
        """Notes the mean loss of an epoch for every rate."""
        for rate in self._rates.values():
            rate.epoch_ended(mean_loss)
