"""One experiment: flags → the frozen dataclass of its system, and back from a run folder.

An experiment is read in two steps: first only `--system`, then the flags of that system's own
dataclass. So every flag is checked by name, type, allowed values and range. The message for a flag
of another system differs from the one for a misspelt flag.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfvse import flagfile, systems
from tfvse.config import FLAGFILE, RunConfig, RunFolder
from tfvse.errors import UserError
from tfvse.parsing import is_help, parse_flags

if TYPE_CHECKING:
    from tfvse.systems.base import System


def system_of(argv: Sequence[str]) -> str | None:
    """The name behind the last --system in `argv` and its flagfiles, or None."""
    return flag_value(flagfile.expand(argv), "system")


def parse_experiment(argv: Sequence[str]) -> tuple[RunConfig, pathlib.Path]:
    """Reads an experiment's flags.

    Args:
      argv: usually `--flagfile=configs/<system>/<data set>.cfg --run_dir=…` and overrides.

    Returns:
      (config, run_dir): the system's frozen dataclass, and the run folder.

    Raises:
      UserError: one sentence that names the flag and what would be right.
      SystemExit: after printing the help that was asked for.
    """
    argv = flagfile.expand(argv)
    run_dir = RunFolder(flag_value(argv, "run_dir") or "").run_dir
    config = _system_config(_without(argv, "run_dir"))
    config.refuse_unread()
    if not run_dir:
        raise UserError(
            "--run_dir: missing; give the folder that the run should live in, such as "
            "--run_dir=runs/first"
        )
    return config, pathlib.Path(run_dir)


def from_run_dir(run_dir: str | pathlib.Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The config of the run in `run_dir`, with `overrides` (`--flag=value` each) on top.

    Raises:
      UserError: the folder holds no run, or an override is wrong.
    """
    path = pathlib.Path(run_dir) / FLAGFILE
    if not str(run_dir) or not os.path.isfile(path):
        raise UserError(
            f"--run_dir={run_dir}: no {FLAGFILE} there; give the --run_dir of a run made by "
            "tfvse train"
        )
    settings = [f"--{name}={value}" for name, value in flagfile.read(path).items()]
    return _system_config([*settings, *overrides])


def parse_run_tool(cls: type[RunFolder], argv: Sequence[str]) -> tuple[Any, RunConfig]:
    """Reads the flags of a tool for finished runs: its own, and overrides of the run's settings.

    Args:
      cls: dataclass of the tool's flags; a subclass of `RunFolder`.
      argv: the flags.

    Returns:
      (flags, config): an instance of `cls`, and the run's config with the overrides.

    Raises:
      UserError: a flag is wrong, or the folder holds no run.
      SystemExit: after printing the help that was asked for.
    """
    words = flagfile.expand(argv)
    if any(map(is_help, words)):
        parse_flags(cls, ["--help"])

    own = {field.name for field in dataclasses.fields(cls)}
    mine: list[str] = []
    overrides: list[str] = []
    while words:
        word = words.pop(0)
        target = mine if _names(word) & own else overrides
        target.append(word)
        if "=" not in word and words and not words[0].startswith("-"):
            target.append(words.pop(0))
    flags = parse_flags(cls, mine)
    return flags, from_run_dir(flags.run_dir, overrides)


def trained(
    config: RunConfig, run_dir: str | pathlib.Path, which: str = "last"
) -> tuple["System", Any, int]:
    """A system with the weights of a run.

    Args:
      config: of the run, or with overrides.
      run_dir: folder of the run.
      which: its checkpoint, "last" or "best".

    Returns:
      (the system with its networks in float32, its data set, the step of its checkpoint).

    Raises:
      UserError: no data, no checkpoint, or one of other networks.
    """
    from tfvse import data
    from tfvse.systems import base
    from tfvse.training import checkpoint

    dataset = data.load_for(config)
    system = base.create(config, dataset, precision="float32")
    state = checkpoint.load_networks(system, run_dir, which)
    return system, dataset, state["step"]


def _names(word: str) -> set[str]:
    """The flags that a word may name: of --nofoo both nofoo and foo."""
    match = re.match(r"--?((?:no)?(\w+))", word)
    return {match[1], match[2]} if match else set()


def _system_config(argv: Sequence[str]) -> RunConfig:
    """The config of the system that `argv` names, from the flags of that system."""
    argv = flagfile.expand(argv)
    name = flag_value(argv, "system")
    known = ", ".join(systems.SYSTEMS)
    if not name:
        raise UserError(f"--system: missing; give a flagfile from configs/, or one of {known}")
    return parse_flags(systems.load(name).Config, argv, hint=_belongs_elsewhere)


def _belongs_elsewhere(flag: str) -> str:
    """A further clause for an unknown flag: which systems have it; "" if none has."""
    owners = []
    for name in systems.SYSTEMS:
        settings = {field.name for field in dataclasses.fields(systems.load(name).Config)}
        if flag in settings:
            owners.append(name)
    return f" of this system; it belongs to --system={' or '.join(owners)}" if owners else ""


def flag_value(argv: Sequence[str], name: str) -> str | None:
    """Last value of --name in expanded `argv`, or None. Used before all flags are known."""
    value = None
    for place, word in enumerate(argv):
        match = re.fullmatch(rf"--?{name}(?:=(.*))?", word, re.DOTALL)
        if match and match[1] is not None:
            value = match[1]
        elif match:
            value = "".join(argv[place + 1 : place + 2])
    return value


def _without(argv: Sequence[str], name: str) -> list[str]:
    """`argv` without --name and its value."""
    kept = []
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif re.fullmatch(rf"--?{name}", word):
            skip = True
        elif not re.match(rf"--?{name}=", word):
            kept.append(word)
    return kept
