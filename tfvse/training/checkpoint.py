"""The checkpoints of a run.

A checkpoint is whole or absent, it notices damage, and it holds everything that a run needs.
"""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.files import atomic_folder, write_json
from tfvse.reading import digest
from tfvse.typing import PathLike

if TYPE_CHECKING:
    from tfvse.systems.base import System

STATE = "state.json"
CHECKSUMS = "SHA256SUMS"  # as `sha256sum --check` reads it

State = dict[str, Any]  # of the trainer; JSON types only


def initial_state() -> State:
    """The state of the trainer at the start of a run."""
    return {
        "step": 0,  # global
        "stage": 0,  # index of the current one
        "stage_step": 0,
        "epoch_loss": [0.0, 0],  # sum of this epoch's losses, and their number
        "rates": {},  # role → state of its learning rate
        "best": None,  # value of the monitored metric
        "waited": 0,  # evaluations without a better value
    }


class Checkpoints:
    """The checkpoints of one run: `checkpoints/<step>/` and `checkpoints/best/` in its folder.

    Each holds the files of TensorFlow's own checkpoint and `state.json` with the trainer's state.
    `SHA256SUMS` has the checksums of them all.
    """

    def __init__(
        self,
        run_dir: PathLike,
        items: Mapping[str, Sequence[tf.Variable]],
        keep: int = 3,
        chief: bool = True,
    ) -> None:
        """Args:
        run_dir: folder of the run.
        items: name → variables, from `System.checkpoint_items`.
        keep: number of the newest checkpoints that stay.
        chief: False in workers that take part in saving but whose files are thrown away.
        """
        variables = {name: list(found) for name, found in items.items()}
        self.folder = pathlib.Path(run_dir) / "checkpoints"
        self.checkpoint = tf.train.Checkpoint(**variables)
        self.keep = keep
        self.chief = chief

    def steps(self) -> list[int]:
        """Steps of which a checkpoint exists, in rising order."""
        names = [path.name for path in self.folder.glob("[0-9]*")]
        return sorted(int(name) for name in names if re.fullmatch(r"[0-9]{9,18}", name))

    def save(self, state: State) -> None:
        """Writes a checkpoint and removes the older ones that `keep` does not cover.

        Newer ones are removed too. They are damaged: otherwise the run would have resumed from
        them.

        Args:
          state: its "step" (int) names the checkpoint.
        """
        self._write(self.folder / _name(state["step"]), state)
        if not self.chief:
            return

        steps = self.steps()
        until = steps.index(state["step"]) + 1
        kept = steps[:until][-self.keep :]
        for step in steps:
            if step not in kept:
                shutil.rmtree(self.folder / _name(step))

    def save_best(self, state: State) -> None:
        """Writes the checkpoint `best` and replaces the previous one."""
        self._write(self.folder / "best", state)

    def _write(self, path: pathlib.Path, state: State) -> None:
        """Writes a checkpoint into the folder `path`, atomically."""
        if not self.chief:
            # Saving is collective: every worker takes part, only the chief's files are kept.
            with tempfile.TemporaryDirectory() as scratch:
                self.checkpoint.write(f"{scratch}/variables")
            return

        with atomic_folder(path, _require_checkpoint) as temporary:
            self.checkpoint.write(str(temporary / "variables"))
            write_json(temporary / STATE, state)
            files = sorted(temporary.iterdir())
            lines = [f"{digest(file)}  {file.name}\n" for file in files]
            (temporary / CHECKSUMS).write_text("".join(lines), encoding="utf-8")

    def restore_newest(self) -> State | None:
        """Restores the newest whole checkpoint.

        A damaged one is named on stderr, and the one before it is tried.

        Returns:
          The state that was saved with it, or None if there is no checkpoint yet.

        Raises:
          UserError: checkpoints exist and every one is damaged.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return self.restore(_name(step))
            except UserError as error:
                print(f"warning: {error}; the checkpoint before it is tried", file=sys.stderr)

        if steps:
            raise UserError(
                f"{self.folder}: every checkpoint is damaged; move the folder away to train from "
                "the start"
            )
        return None

    def restore(self, name: str) -> State:
        """Restores the checkpoint called `name` and returns its state.

        Args:
          name: a step in nine digits, or "best".

        Raises:
          UserError: it is missing, damaged, or made for networks of another shape.
        """
        path = self.folder / name
        state = _verified_state(path)
        try:
            status = self.checkpoint.read(str(path / "variables"))
            status.assert_existing_objects_matched().expect_partial()
        except (ValueError, AssertionError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{path}: does not fit the networks of these settings ({reason}); use the settings "
                "it was trained with"
            ) from None
        return state


def _name(step: int) -> str:
    """The folder name of the checkpoint of `step`."""
    return f"{step:09d}"


def _verified_state(path: pathlib.Path) -> State:
    """The state in the checkpoint `path`.

    Raises:
      UserError: the checkpoint is missing, or a file is not as it was written.
    """
    try:
        broken = [name for name, noted in _checksums(path).items() if digest(path / name) != noted]
        state = json.loads((path / STATE).read_bytes())
        state.pop("files", None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: the checkpoint is damaged or missing ({type(error).__name__})"
        ) from None

    if broken:
        raise UserError(f"{path}: the checkpoint is damaged (checksum of {', '.join(broken)})")
    return state


def _checksums(path: pathlib.Path) -> dict[str, str]:
    """File name → SHA-256 for what the checkpoint `path` must hold; "" where none was noted."""
    checksums = {}
    if (path / CHECKSUMS).exists():
        checksums[STATE] = ""
    for file in path.glob("variables.*"):
        checksums[file.name] = ""
    checksums.update(_noted_checksums(path))
    return checksums


def _noted_checksums(path: pathlib.Path) -> dict[str, str]:
    """File name → SHA-256 as the checkpoint `path` itself says."""
    if not (path / CHECKSUMS).exists():
        # Older checkpoints hold the checksums in the state, which then has none of its own.
        files = json.loads((path / STATE).read_bytes())["files"]
        return {pathlib.PurePath(name).name: noted for name, noted in files.items()}

    noted = {}
    for line in (path / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        value, name = line.split("  ")
        noted[pathlib.PurePath(name).name] = value
    return noted


def _require_checkpoint(path: pathlib.Path) -> None:
    """Raises `UserError` if the folder `path` holds a file that `Checkpoints` does not write."""
    for file in sorted(path.iterdir()):
        if not file.name.startswith((STATE, CHECKSUMS, "variables", "checkpoint")):
            raise UserError(f"{file}: is no part of a checkpoint; move it away")


def load_networks(system: System, run_dir: PathLike, name: str = "last") -> State:
    """Restores only the networks of a built `system` from a run.

    Args:
      name: "last" or "best".

    Returns:
      The state of the trainer in the checkpoint.

    Raises:
      UserError: the run has no such checkpoint.
    """
    networks = {}
    for key, network in system.networks.items():
        networks[key] = [variable.value for variable in network.variables]

    checkpoints = Checkpoints(run_dir, networks)
    state = checkpoints.restore_newest() if name == "last" else checkpoints.restore(name)
    if state is None:
        raise UserError(
            f"{checkpoints.folder}: no checkpoint; train first with tfvse train --run_dir={run_dir}"
        )
    return state
