"""The folder of a run: one process trains in it, always with the settings of the first start."""

import dataclasses
import fcntl
import pathlib
from typing import IO

from tfvse import flagfile
from tfvse.config import FLAGFILE, RunConfig
from tfvse.errors import UserError
from tfvse.files import sweep, sweep_folder
from tfvse.parsing import parse_flags
from tfvse.training import log


def claim(config: RunConfig, run_dir: pathlib.Path) -> IO[str]:
    """Makes `run_dir`, locks it for this process, sweeps it and writes the resolved flagfile.

    Returns:
      The open file of the lock.

    Raises:
      UserError: another process holds it, or it belongs to a run with other settings.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    lock = open(run_dir / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sweep(run_dir)
        path = run_dir / FLAGFILE
        if path.exists():
            refuse_other_settings(config, run_dir)
        flagfile.write(config, path)
    except BlockingIOError:
        lock.close()
        raise UserError(
            f"--run_dir={run_dir}: another process trains there; wait for it or use another folder"
        ) from None
    except BaseException:
        lock.close()
        raise
    return lock


def _sweep(run_dir: pathlib.Path) -> None:
    """Removes what a killed training has left half-written.

    Reports stay as they are: an evaluation may be writing one now.
    """
    for name in (FLAGFILE, log.FILE):
        sweep(run_dir / name)
    for name in ("checkpoints", "samples"):
        sweep_folder(run_dir / name)


def refuse_other_settings(config: RunConfig, run_dir: pathlib.Path) -> None:
    """Compares `config` with the settings with which the run in `run_dir` was begun.

    Raises:
      UserError: it would train something else. Settings that change nothing that is learnt may
        differ (see `tfvse.config.setting`).
    """
    before = flagfile.read(run_dir / FLAGFILE)
    if before.get("system") != config.system:
        raise UserError(
            f"--run_dir={run_dir}: holds a run of {before.get('system')}, not of {config.system}; "
            "use another folder"
        )
    # A run from before a setting existed was trained with the setting's default.
    begun = parse_flags(type(config), [f"--{name}={value}" for name, value in before.items()])
    for field in dataclasses.fields(config):
        then = getattr(begun, field.name)
        now = getattr(config, field.name)
        if now != then and not field.metadata["free"]:
            raise UserError(
                f"--{field.name}={flagfile.render(now)}: the run in {run_dir} was begun with "
                f"{flagfile.render(then)}; use another --run_dir"
            )


def refuse_other_data(config: RunConfig, run_dir: pathlib.Path, noted: str, checksum: str) -> None:
    """Compares the checksum of the data with the one `noted` in the run's checkpoint.

    Raises:
      UserError: they differ.
    """
    if noted != checksum:
        raise UserError(
            f"--prepared_dir={config.prepared_path}: the data has changed since {run_dir} was "
            "begun; prepare the same data again or use another --run_dir"
        )
