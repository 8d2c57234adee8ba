"""Checkpoints that are whole or not there, that know when they are damaged, and that hold everything a run needs."""

import json
import pathlib
import re
import shutil
import sys
import tempfile

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.files import atomic_folder, write_json
from tfvse.reading import digest

STATE = "state.json"
CHECKSUMS = "SHA256SUMS"  # as `sha256sum --check` reads it


class Checkpoints:
    """The checkpoints of one run: `<run_dir>/checkpoints/<step>/` and `<run_dir>/checkpoints/best/`.

    Each holds TensorFlow's own checkpoint files, `state.json` with the trainer's state, and `SHA256SUMS` of them all.
    """

    def __init__(self, run_dir, items, keep=3, chief=True):
        """Args:
        run_dir: folder of the run.
        items: name → list of tf.Variable, from `System.checkpoint_items`.
        keep: newest checkpoints that stay.
        chief: False in workers that take part in saving but whose files are thrown away.
        """
        self.folder = pathlib.Path(run_dir) / "checkpoints"
        self.checkpoint = tf.train.Checkpoint(
            **{name: list(variables) for name, variables in items.items()}
        )
        self.keep = keep
        self.chief = chief

    def steps(self):
        """Steps (list of int, rising) of which a checkpoint exists."""
        names = [path.name for path in self.folder.glob("[0-9]*")]
        return sorted(int(name) for name in names if re.fullmatch(r"[0-9]{9,18}", name))

    def save(self, state):
        """Writes a checkpoint; `state` (JSON-able dict) holds the int "step". Older ones than `keep` are removed.

        So are newer ones: they are damaged, or the run would not have gone on from an older one.
        """
        self._write(self.folder / f"{state['step']:09d}", state)
        if not self.chief:
            return
        steps = self.steps()
        until = steps.index(state["step"]) + 1
        kept = steps[:until][-self.keep :]
        for step in steps:
            if step not in kept:
                shutil.rmtree(self.folder / f"{step:09d}")

    def save_best(self, state):
        """Writes the checkpoint `best`, in the place of the one before it."""
        self._write(self.folder / "best", state)

    def _write(self, path, state):
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

    def restore_newest(self):
        """Restores the newest whole checkpoint; a damaged one is named on stderr and the one before it used.

        Returns:
          the state that was saved with it, or None when there is no checkpoint yet.

        Raises:
          UserError: checkpoints exist and every one is damaged.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return self.restore(f"{step:09d}")
            except UserError as error:
                print(f"warning: {error}; the checkpoint before it is tried", file=sys.stderr)
        if steps:
            raise UserError(
                f"{self.folder}: every checkpoint is damaged; move the folder away to train from the start"
            )
        return None

    def restore(self, name):
        """Restores the checkpoint called `name` (a nine-digit step or "best") and returns its state.

        Raises:
          UserError: it is missing, damaged, or made for networks of another shape.
        """
        path = self.folder / name
        state = _verified_state(path)
        try:
            self.checkpoint.read(
                str(path / "variables")
            ).assert_existing_objects_matched().expect_partial()
        except (ValueError, AssertionError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{path}: does not fit the networks of these settings ({reason}); use the settings it was trained with"
            ) from None
        return state


def _verified_state(path):
    """The state that lies in the checkpoint `path`, when every file is as it was written."""
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


def _checksums(path):
    """File name → SHA-256 for what the checkpoint `path` must hold; "" where none was noted."""
    noted = _noted_checksums(path)
    files = [STATE, *(file.name for file in path.glob("variables.*"))]
    if not (path / CHECKSUMS).exists():
        files.remove(STATE)  # which held the others' until it got one itself
    return dict.fromkeys(files, "") | noted


def _noted_checksums(path):
    if not (path / CHECKSUMS).exists():
        files = json.loads((path / STATE).read_bytes())["files"]
        return {pathlib.PurePath(name).name: noted for name, noted in files.items()}

    noted = {}
    for line in (path / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        value, name = line.split("  ")
        noted[pathlib.PurePath(name).name] = value
    return noted


def _require_checkpoint(path):
    """Raises UserError when a folder holds what `Checkpoints` does not write: it must stay."""
    for file in sorted(path.iterdir()):
        if not file.name.startswith((STATE, CHECKSUMS, "variables", "checkpoint")):
            raise UserError(f"{file}: is no part of a checkpoint; move it away")


def load_networks(system, run_dir, name="last"):
    """Restores only the networks of a built `system` from a run's checkpoint "last" or "best"; returns its state.

    Raises:
      UserError: the run has no such checkpoint.
    """
    networks = {
        key: [v.value for v in network.variables] for key, network in system.networks.items()
    }
    checkpoints = Checkpoints(run_dir, networks)
    state = checkpoints.restore_newest() if name == "last" else checkpoints.restore(name)
    if state is None:
        raise UserError(
            f"{checkpoints.folder}: no checkpoint; train first with tools/train.py --run_dir={run_dir}"
        )
    return state
