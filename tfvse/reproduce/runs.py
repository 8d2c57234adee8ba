"""Trains and evaluates the rows of a table; a second call resumes the first.

The settings of a run decide its folder. So a run that is there already is used again, an
interrupted one resumes, and tables share the runs that they have in common.
"""

import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tfvse import flagfile
from tfvse.errors import UserError
from tfvse.evaluation import report as reports
from tfvse.experiment import parse_experiment
from tfvse.reproduce.tables import Row, Table
from tfvse.training import log

# A report as `tfvse evaluate` writes it, or one sentence on what failed.
Outcome = dict[str, Any] | str


class RunFailed(Exception):
    """A training or an evaluation ended with an error; the message is its last line."""


def run_folder(runs_dir: str, argv: Sequence[str]) -> pathlib.Path:
    """Folder of the run that `argv` trains: the same settings always have the same folder.

    A setting at its default does not count. So a new setting leaves earlier runs where they are.

    Args:
      runs_dir: folder of all runs.
      argv: flags of `tfvse train` without --run_dir.
    """
    config, _ = parse_experiment([*argv, "--run_dir=unused"])
    settings = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        # Where the data lie says nothing about what is learnt.
        if field.name == "prepared_dir" or value == field.default:
            continue
        settings[field.name] = flagfile.render(value) if isinstance(value, tuple) else value

    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
    return pathlib.Path(runs_dir) / f"{config.system}-{config.data}-{digest}"


def run_tool(name: str, *argv: str) -> None:
    """Runs `tfvse <name>` in a process of its own.

    Raises:
      RunFailed: its exit code is not 0.
    """
    command = [sys.executable, "-m", "tfvse", name, *argv]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RunFailed(lines[-1] if lines else "no message")


@dataclasses.dataclass(frozen=True)
class Runner:
    """Trains and evaluates single rows of a table.

    Attributes:
      table: the table.
      runs_dir: folder of the runs.
      prepared_dir: prepared data set; empty: what the row's config says.
      split: split to evaluate on; empty: the table's own.
    """

    table: Table
    runs_dir: str
    prepared_dir: str = ""
    split: str = ""

    def train(self, row: Row, seed: int) -> pathlib.Path:
        """The folder of a row's run, which is trained to its end first.

        Raises:
          RunFailed: the training failed, or that of the row it starts from.
        """
        argv = self._training_flags(row, seed)
        if row.start:
            start = self.train(self.table.row(row.start), seed)
            argv.append(f"--start_from={start}")

        folder = run_folder(self.runs_dir, argv)
        evaluated = any(folder.glob("report-*.json"))
        if not evaluated:  # what was evaluated was trained to its end
            run_tool("train", *argv, f"--run_dir={folder}")
        return folder

    def evaluate(self, row: Row, seed: int) -> dict[str, Any]:
        """The report of a row, trained and evaluated if need be.

        Returns:
          The report as a dict, with "run_dirs": folder → seconds of training, for all its models.

        Raises:
          RunFailed: a training or the evaluation failed.
        """
        folders = [self.train(member, seed) for member in self.table.members(row)]
        argv = list(row.evaluate)
        if len(folders) > 1:
            argv.append(f"--ensemble={','.join(map(str, folders[1:]))}")

        split = self.split or self.table.split
        digest = hashlib.sha256(" ".join(argv).encode()).hexdigest()[:6]
        path = folders[0] / f"report-{split}-{digest}.json"
        if not path.is_file():
            where = [f"--run_dir={folders[0]}", f"--split={split}", f"--report={path.name}"]
            run_tool("evaluate", *where, "--noplots", *argv, *self._data_flags())

        try:
            report = read_report(path, self.table.metrics)
        except UserError as error:
            raise RunFailed(f"{error}; remove it to evaluate the run again") from None
        report["run_dirs"] = {str(folder): _train_seconds(folder) for folder in folders}
        return report

    def outcome(self, row: Row, seed: int) -> Outcome:
        """The report of a row, or one sentence on what failed."""
        try:
            return self.evaluate(row, seed)
        except RunFailed as failure:
            return str(failure)

    def _training_flags(self, row: Row, seed: int) -> list[str]:
        return [f"--flagfile={row.flagfile}", *row.train, f"--seed={seed}", *self._data_flags()]

    def _data_flags(self) -> list[str]:
        return [f"--prepared_dir={self.prepared_dir}"] if self.prepared_dir else []


def read_report(path: pathlib.Path, metrics: Sequence[str]) -> dict[str, Any]:
    """A report with all that a table shows.

    Args:
      path: of the report.
      metrics: of the table.

    Raises:
      UserError: the file is damaged, or lacks something that the table shows.
    """
    found = reports.read(path, "data_set", "split", "data_checksum", "versions", "hardware")
    needed = {
        "metrics": metrics,
        "versions": ("tensorflow", "keras"),
        "hardware": ("cores", "cpu"),
    }
    lacking: list[str] = []
    for part, names in needed.items():
        lacking += [name for name in names if name not in found[part]]
    if lacking:
        raise UserError(f"{path}: says nothing of {', '.join(lacking)}")
    return found


def _train_seconds(folder: pathlib.Path) -> float:
    """Seconds between the first and the last line of a run's log; 0 where it has no times."""
    times = [record["time"] for record in log.read(folder) if "time" in record]
    return times[-1] - times[0] if times else 0.0
