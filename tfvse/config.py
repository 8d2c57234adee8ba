"""Flags → one frozen dataclass, checked, and written back as a flagfile that replays the run.

An experiment is read in two steps: first only `--system`, then the flags of that system's own dataclass. So every
flag is checked by name, type, allowed values and range, and a flag of another system is told apart from a misspelt one.
"""

import dataclasses
import math
import os
import pathlib
import re
import textwrap
import typing

from absl import flags

from tfvse import flagfiles
from tfvse.errors import UserError, nearest
from tfvse.files import atomic_write

FLAGFILE = "flags.cfg"


def setting(default, help, *, choices=None, low=None, high=None):
    """A dataclass field that is also a flag.

    Args:
      default: value when the flag is not given.
      help: one line, shown by `--helpful`.
      choices: allowed values, or None for any.
      low, high: inclusive bounds of a number, or None.
    """
    return dataclasses.field(
        default=default, metadata={"help": help, "choices": choices, "low": low, "high": high}
    )


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base of every flag dataclass: checks its fields when it is made.

    Raises:
      UserError: a value outside its choices or bounds.
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            problem = _problem(field, getattr(self, field.name))
            if problem:
                raise UserError(f"--{field.name}={getattr(self, field.name)}: {problem}")
        self.check()

    def check(self):
        """Checks that involve several fields; subclasses extend it and raise UserError."""


@dataclasses.dataclass(frozen=True)
class RunConfig(Settings):
    """What every experiment has, whatever its system. Systems subclass it and add their own settings."""

    system: str = setting("", "the method: a name in tfvse.systems.SYSTEMS")
    data: str = setting("", "the data set: a name in tfvse.data.DATASETS")
    prepared_dir: str = setting("", "folder written by tools/prepare_data.py; empty: data/<data>")
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
    log_every: int = setting(10, "steps between two lines of the log", low=1)
    checkpoint_every: int = setting(500, "steps between two checkpoints", low=1)
    keep_checkpoints: int = setting(3, "newest checkpoints that are kept", low=2)
    evaluate_every: int = setting(
        0, "epochs between two evaluations on --monitor_split; 0: never", low=0
    )
    monitor_split: str = setting("val", "split that is evaluated during training")
    early_stop: int = setting(
        0, "evaluations without a better result before training stops; 0: never", low=0
    )
    sample_every: int = setting(
        0, "steps between two sample pictures in the run folder; 0: only at the end", low=0
    )

    def check(self):
        if bool(self.steps) == bool(self.epochs):
            raise UserError(
                f"--steps={self.steps} --epochs={self.epochs}: exactly one of them must be above 0, it sets the length"
            )
        if self.early_stop and not self.evaluate_every:
            raise UserError(
                f"--early_stop={self.early_stop}: needs --evaluate_every of at least 1 to have what to watch"
            )

    @property
    def prepared_path(self):
        """Folder of the prepared data set (pathlib.Path)."""
        return pathlib.Path(self.prepared_dir or f"data/{self.data}")


def _problem(field, value):
    """What is wrong with `value` for `field`, in words, or None."""
    rules = field.metadata
    if rules.get("choices") and value not in rules["choices"]:
        near = nearest(value, rules["choices"])
        return f"must be one of {', '.join(map(str, rules['choices']))}{near}"
    low, high = rules.get("low"), rules.get("high")
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if low is not None and value < low:
        return f"must be at least {low}"
    if high is not None and value > high:
        return f"must be at most {high}"
    if isinstance(value, str) and "\n" in value:
        return "must be a single line"
    return None


def setting_types(cls: type) -> dict[str, type]:
    """Name of a setting of the dataclass `cls` → its type, also where annotations are strings."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


_DEFINE = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
    str: flags.DEFINE_string,
}
_KIND = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


_HELP = ("help", "helpful", "helpfull")


def asks_for_help(argv):
    """Whether --help or --helpful is among `argv`."""
    return any(word.startswith("-") and word.lstrip("-") in _HELP for word in argv)


def system_of(argv):
    """The last --system in `argv` and its flagfiles (str), or None."""
    return _flag_value(flagfiles.expand(argv), "system")


def parse_flags(cls, argv, positional=None, hint=None):
    """Parses `argv` into an instance of the dataclass `cls`.

    Args:
      cls: a subclass of `Settings`.
      argv: list of str, without the program's name; may hold --flagfile.
      positional: name of the str field that takes one bare argument, or None to refuse bare arguments.
      hint: callable flag name → a further sentence for an unknown flag, or None.

    Raises:
      UserError: an unknown flag, a wrong type, a value out of range, a bare argument.
      SystemExit: after printing the help asked for by --help or --helpful.
    """
    argv = flagfiles.expand(argv)
    if asks_for_help(argv):
        print(describe_flags(cls))
        raise SystemExit(0)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    values = flags.FlagValues()
    types = setting_types(cls)
    for name, field in fields.items():
        _DEFINE[types[name]](name, field.default, field.metadata["help"], flag_values=values)
    try:
        rest = values(["tool", *argv])[1:]
    except flags.UnrecognizedFlagError as error:
        more = hint(error.flagname) if hint else ""
        raise UserError(
            f"--{error.flagname}: no such flag{more or nearest(error.flagname, fields)}"
        ) from None
    except flags.Error as error:
        raise UserError(_wrong_type(str(error), types)) from None
    found = {name: values[name].value for name in fields}
    if rest and positional and len(rest) == 1 and not found[positional]:
        found[positional] = rest.pop()
    if rest:
        raise UserError(f"{rest[0]!r}: not a flag; write --name=value{nearest(rest[0], fields)}")
    return cls(**found)


def _wrong_type(message, types):
    name = re.search(r"--(\w+)", message)
    name = name.group(1) if name else ""
    name = name if name in types else name.removeprefix("no")
    if name not in types:
        return message
    value = re.search(r"=([^:]*)", message)
    shown = f"={value.group(1)}" if value else ""
    return f"--{name}{shown}: must be {_KIND[types[name]]}"


def describe_flags(cls):
    """Readable help: the flags of `cls` grouped by the class that brought them, most specific group first."""
    blocks = [(cls.__doc__ or cls.__name__).strip().splitlines()[0]]
    for owner in (c for c in cls.__mro__ if dataclasses.is_dataclass(c)):
        inherited = {
            f.name
            for base in owner.__mro__[1:]
            if dataclasses.is_dataclass(base)
            for f in dataclasses.fields(base)
        }
        own = [f for f in dataclasses.fields(owner) if f.name not in inherited]
        if own:
            now = {f.name: f for f in dataclasses.fields(cls)}
            types = setting_types(cls)
            title = (owner.__doc__ or owner.__name__).strip().splitlines()[0]
            blocks.append("\n".join([title, *(_describe(now[f.name], types[f.name]) for f in own)]))
    return "\n\n".join(blocks[1:] or blocks)


def _describe(field, kind):
    rules = field.metadata
    limits = []
    if rules["choices"]:
        limits.append(" | ".join(map(str, rules["choices"])))
    if rules["low"] is not None or rules["high"] is not None:
        limits.append(
            f"{'' if rules['low'] is None else rules['low']} … {'' if rules['high'] is None else rules['high']}"
        )
    head = f"  --{field.name}={str(field.default).lower() if kind is bool else field.default}"
    text = f"{rules['help']} ({kind.__name__}{''.join('; ' + limit for limit in limits)})"
    return head + "\n" + textwrap.fill(text, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)


@dataclasses.dataclass(frozen=True)
class RunFolder(Settings):
    """The folder that a run lives in."""

    run_dir: str = setting("", "folder of the run: flags, log, checkpoints, reports, pictures")


def _flag_value(argv, name):
    """Last value of --name in expanded `argv`, or None. Used before the full set of flags is known."""
    value = None
    for position, word in enumerate(argv):
        match = re.fullmatch(rf"--?{name}(?:=(.*))?", word, re.DOTALL)
        if match:
            value = (
                match.group(1)
                if match.group(1) is not None
                else "".join(argv[position + 1 : position + 2])
            )
    return value


def _without(argv, name):
    kept, skip = [], False
    for word in argv:
        if skip:
            skip = False
        elif re.fullmatch(rf"--?{name}", word):
            skip = True
        elif not re.match(rf"--?{name}=", word):
            kept.append(word)
    return kept


def parse_experiment(argv):
    """Reads an experiment's flags.

    Args:
      argv: list of str, usually `--flagfile=configs/<system>/<data set>.cfg --run_dir=…` and overrides.

    Returns:
      (config, run_dir): the system's frozen dataclass, and the run folder as pathlib.Path.

    Raises:
      UserError: one sentence that names the flag and the nearest valid one.
    """
    argv = flagfiles.expand(argv)
    run_dir = _flag_value(argv, "run_dir")
    config = _system_config(_without(argv, "run_dir"))
    if not run_dir:
        raise UserError(
            "--run_dir: missing; give the folder that the run should live in, such as --run_dir=runs/first"
        )
    return config, pathlib.Path(run_dir)


def _system_config(argv):
    from tfvse import systems

    argv = flagfiles.expand(argv)
    name = _flag_value(argv, "system")
    if not name:
        raise UserError(
            f"--system: missing; give a flagfile from configs/, or one of {', '.join(systems.SYSTEMS)}"
        )
    cls = systems.load(name).Config
    return parse_flags(cls, argv, hint=_belongs_elsewhere)


def _belongs_elsewhere(flag):
    from tfvse import systems

    owners = [
        n
        for n in systems.SYSTEMS
        if flag in {f.name for f in dataclasses.fields(systems.load(n).Config)}
    ]
    return f" of this system; it belongs to --system={' or '.join(owners)}" if owners else ""


def write_flagfile(config, path):
    """Writes every setting of `config` as a flagfile (pathlib.Path `path`), atomically."""
    lines = [f"# The resolved settings of this run; --flagfile={path} replays it."]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        lines.append(f"--{field.name}={str(value).lower() if isinstance(value, bool) else value}")
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def from_run_dir(run_dir, overrides=()):
    """The config of the run in `run_dir`, with `overrides` (list of `--flag=value`) on top.

    Raises:
      UserError: the folder holds no run, or an override is wrong.
    """
    path = pathlib.Path(run_dir) / FLAGFILE
    if not str(run_dir) or not os.path.isfile(path):
        raise UserError(
            f"--run_dir={run_dir}: no {FLAGFILE} there; give the --run_dir of a run made by tools/train.py"
        )
    return _system_config([f"--flagfile={path}", *overrides])


def parse_run_tool(cls, argv):
    """For tools that work on a finished run: splits `argv` into their own flags and overrides of the run's settings.

    Args:
      cls: dataclass of the tool's flags; a subclass of `RunFolder`.
      argv: list of str.

    Returns:
      (flags, config): an instance of `cls`, and the run's config with the overrides.
    """
    argv = flagfiles.expand(argv)
    own = {field.name for field in dataclasses.fields(cls)}
    if asks_for_help(argv):
        return parse_flags(cls, ["--help"])
    words, mine, overrides = list(argv), [], []
    while words:
        word = words.pop(0)
        name = re.match(r"--?(?:no)?(\w+)", word)
        plain = re.match(r"--?(\w+)", word)
        target = mine if name and (name.group(1) in own or plain.group(1) in own) else overrides
        target.append(word)
        if "=" not in word and words and not words[0].startswith("-"):
            target.append(words.pop(0))
    tool = parse_flags(cls, mine)
    return tool, from_run_dir(tool.run_dir, overrides)
