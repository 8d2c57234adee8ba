"""The folder of a run: one process trains in it, with the settings that it was begun with."""

import fcntl
import pathlib
from typing import IO

from tfvse import config as configs
from tfvse import flagfile
from tfvse.errors import UserError
from tfvse.files import sweep, sweep_folder
from tfvse.training import log

# Written anew at will without changing what is learnt, so they may differ when a run goes on.
FREE_SETTINGS = (
    "log_every",
    "checkpoint_every",
    "keep_checkpoints",
    "sample_every",
    "prepared_dir",
)


def claim(config: configs.RunConfig, run_dir: pathlib.Path) -> IO:
    """Makes `run_dir`, locks it for this process, sweeps it and writes the resolved flagfile.

    Returns:
      the lock's open file.

    Raises:
      UserError: another process holds it, or it belongs to a run with other settings.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    lock = open(run_dir / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sweep(run_dir)
        path = run_dir / configs.FLAGFILE
        if path.exists():
            refuse_other_settings(config, configs.from_run_dir(run_dir), run_dir)
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


def _sweep(run_dir):
    """Of everything that training writes, not of reports: an evaluation may be writing one now."""
    for name in (configs.FLAGFILE, log.FILE):
        sweep(run_dir / name)
    for name in ("checkpoints", "samples"):
        sweep_folder(run_dir / name)


def refuse_other_settings(config, before, run_dir: pathlib.Path) -> None:
    """Raises UserError when `config` would train something else than `before`, the config of the run in `run_dir`."""
    if type(config) is not type(before):
        raise UserError(
            f"--run_dir={run_dir}: holds a run of {before.system}, not of {config.system}; use another folder"
        )
    for name, value in vars(config).items():
        if value != getattr(before, name) and name not in FREE_SETTINGS:
            raise UserError(
                f"--{name}={value}: the run in {run_dir} was begun with {getattr(before, name)}; use another --run_dir"
            )
