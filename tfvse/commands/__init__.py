"""The command `tfvse`: one module for each of its commands, with a function `main(argv)`.

`python tools/<script>.py` runs the same functions. A module is imported when its command is given.
"""

import importlib
import sys
from collections.abc import Callable, Sequence

import tfvse
from tfvse.errors import UserError, nearest

COMMANDS = {  # name → what it does; a module of this package
    "prepare": "verify a data set and write it as records",
    "extract": "run frozen encoders over a prepared data set",
    "train": "train a system",
    "evaluate": "evaluate a trained run, or a folder of edge maps",
    "export": "write a trained run as a SavedModel",
    "search": "search an exported model",
    "serve": "serve exported models to this machine",
    "transfer": "measure a classifier's features on another data set",
    "reproduce": "make a table of a paper again",
    "systems": "list the systems, their papers and their configs",
    "data": "list the data sets, their layouts and licences",
}
SCRIPTS = {"prepare": "prepare_data", "extract": "extract_features"}  # where the names differ
_HELP = ("-h", "--help", "-help", "help")


def main(argv: Sequence[str]) -> int | None:
    """Runs the command that `argv` names, with the arguments behind it.

    Raises:
      UserError: no such command; names the nearest one.
    """
    if not argv or argv[0] in _HELP:
        print(usage())
        return 0
    if argv[0] == "--version":
        print(f"tfvse {tfvse.__version__}")
        return 0

    name = argv[0]
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise UserError(f"{name}: no such command; there are {known}{nearest(name, COMMANDS)}")
    return find(name)(list(argv[1:]))


def find(name: str) -> Callable[[list[str]], int | None]:
    """The function `main(argv)` of the command `name`."""
    return importlib.import_module(f"tfvse.commands.{name}").main


def usage() -> str:
    """What `tfvse --help` shows."""
    lines = ["usage: tfvse [--verbose] <command> [--flag=value ...]", ""]
    for name, purpose in COMMANDS.items():
        lines.append(f"  {name:<10} {purpose}")
    lines += ["", "tfvse <command> --help lists the flags of a command;"]
    lines += ["--verbose shows what TensorFlow says while it starts."]
    return "\n".join(lines)


def typed() -> str:
    """The command line of this process as a person may type it again."""
    script = sys.argv[0].replace("\\", "/")
    arguments = sys.argv[1:]
    if script.endswith(".py") and not script.endswith("tfvse/__main__.py"):
        return " ".join(["python", script, *arguments])
    return " ".join(["tfvse", *arguments])
