"""Settings: frozen dataclasses whose fields are also flags.

Their values are checked by type, allowed values and range.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfvse import flagfile
from tfvse.errors import UserError, is_control, nearest

if TYPE_CHECKING:
    from tfvse.data.base import View

FLAGFILE = "flags.cfg"
LARGEST = 2**31 - 1  # bound of settings without one of their own: graphs hold int32


def setting(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] | None = None,
    low: float | None = None,
    high: float | None = None,
    free: bool = False,
) -> Any:
    """A dataclass field that is also a flag.

    Its type is int, float, bool, str, or a tuple such as `tuple[int, ...]`, which a flag gives with
    commas.

    Args:
      default: value when the flag is not given.
      help: one line, shown by `--helpful`.
      choices: allowed values, or None for any.
      low, high: inclusive bounds of a number, also in a tuple. None: -`LARGEST` and `LARGEST` for
        a whole number, else no bound.
      free: it changes nothing that is learnt, so it may differ when a run is resumed.
    """
    rules = {"help": help, "choices": choices, "low": low, "high": high, "free": free}
    return dataclasses.field(default=default, metadata=rules)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base of every dataclass of flags; making an instance checks its fields.

    Raises:
      UserError: a value outside its choices or bounds.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            problem = _problem(field, getattr(self, field.name))
            if problem:
                shown = flagfile.render(getattr(self, field.name))
                raise UserError(f"--{field.name}={shown}: {problem}")
        self.check()

    def check(self) -> None:
        """Checks that involve several fields; subclasses extend it and raise UserError."""

    def unread(self) -> dict[str, str]:
        """Settings that have no effect because of the others: name → what would read it.

        Subclasses extend it. A new run must leave such settings at their defaults.
        """
        return {}

    def refuse_unread(self) -> None:
        """Raises `UserError` if a setting is given that has no effect."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name, reader in self.unread().items():
            value = getattr(self, name)
            if value != defaults[name]:
                shown = flagfile.render(value)
                raise UserError(f"--{name}={shown}: has no effect here; it belongs to {reader}")


@dataclasses.dataclass(frozen=True)
class RunConfig(Settings):
    """Settings of every experiment. Systems subclass it and add their own."""

    system: str = setting("", "the method: a name in tfvse.systems.SYSTEMS")
    data: str = setting("", "the data set: a name in tfvse.data.DATASETS")
    prepared_dir: str = setting(
        "", "folder written by tfvse prepare; empty: data/<data>", free=True
    )
    seed: int = setting(
        0, "seed of initial weights, data order, dropout and augmentation", low=0, high=2**31 - 1
    )
    batch_size: int = setting(32, "global batch size, over all replicas", low=1)
    steps: int = setting(0, "length of training in steps; 0: given by --epochs", low=0)
    epochs: int = setting(0, "length of training in epochs; 0: given by --steps", low=0)
    precision: str = setting(
        "float32",
        "number format of the layers",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    )
    strategy: str = setting(
        "single",
        "devices: one, all of this machine, or TF_CONFIG's",
        choices=("single", "mirrored", "multi_worker"),
    )
    xla: bool = setting(
        False, "compile the training step with XLA (has no effect while --deterministic)"
    )
    deterministic: bool = setting(True, "the same run twice gives the same bytes")
    gradient_accumulation: int = setting(
        1, "batches whose gradients are averaged into one update", low=1
    )
    log_every: int = setting(10, "steps between two lines of the log", low=1, free=True)
    checkpoint_every: int = setting(500, "steps between two checkpoints", low=1, free=True)
    keep_checkpoints: int = setting(3, "newest checkpoints that are kept", low=2, free=True)
    evaluate_every: int = setting(
        0, "epochs between two evaluations on --monitor_split; 0: never", low=0, free=True
    )
    monitor_split: str = setting("val", "split that is evaluated during training", free=True)
    early_stop: int = setting(
        0, "evaluations without a better result before training stops; 0: never", low=0
    )
    sample_every: int = setting(
        0, "steps between two sample images in the run folder; 0: only at the end", low=0, free=True
    )

    def check(self) -> None:
        """Checks the length of training and --early_stop.

        Raises:
          UserError: not exactly one of steps and epochs, or nothing for --early_stop to watch.
        """
        if bool(self.steps) == bool(self.epochs):
            raise UserError(
                f"--steps={self.steps} --epochs={self.epochs}: exactly one of them must be above "
                "0, it sets the length"
            )
        if self.early_stop and not self.evaluate_every:
            raise UserError(
                f"--early_stop={self.early_stop}: needs --evaluate_every of at least 1 to have "
                "what to watch"
            )

    def data_view(self) -> "View":
        """What training may see of the data set; every family of systems says it."""
        raise NotImplementedError

    @property
    def prepared_path(self) -> pathlib.Path:
        """Folder of the prepared data set."""
        return pathlib.Path(self.prepared_dir or f"data/{self.data}")


def _problem(field: dataclasses.Field, value: Any) -> str | None:
    """What is wrong with `value` for `field`, in words, or None."""
    values = value if isinstance(value, tuple) else (value,)
    for item in values:
        problem = _problem_of_item(item, field.metadata)
        if problem:
            return problem
    return None


def _problem_of_item(value: Any, rules: Mapping[str, Any]) -> str | None:
    """What is wrong with one value by the `rules` of its setting, in words, or None."""
    choices = rules.get("choices")
    if choices and value not in choices:
        return f"must be one of {', '.join(map(str, choices))}{nearest(value, choices)}"
    if isinstance(value, str) and any(map(is_control, value)):
        return "must be a single line of text in UTF-8 without control characters"
    if isinstance(value, int | float):
        return _problem_of_number(value, rules)
    return None


def _problem_of_number(value: float, rules: Mapping[str, Any]) -> str | None:
    """What is wrong with a number by the `rules` of its setting, in words, or None."""
    low = rules.get("low")
    high = rules.get("high")
    if type(value) is int:
        low = -LARGEST if low is None else low
        high = LARGEST if high is None else high
    if not abs(value) <= sys.float_info.max:
        return "must be a finite number"
    if low is not None and value < low:
        return f"must be at least {low}"
    if high is not None and value > high:
        return f"must be at most {high}"
    return None


@dataclasses.dataclass(frozen=True)
class RunFolder(Settings):
    """The folder that a run lives in."""

    run_dir: str = setting("", "folder of the run: flags, log, checkpoints, reports, images")
