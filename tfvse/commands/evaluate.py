"""Evaluates a trained run: `tfvse evaluate --run_dir=runs/<name> --split=val`.

Writes `<run_dir>/report.json` and the system's figures. Any setting of the run can be overridden,
for example `--fusion=adaptive`; `--report` then names another file. `--ensemble=runs/b,runs/c`
averages the scores of further runs with those of this one. Counting edges takes long: every image's
counts are kept, and the same command resumes an interrupted evaluation.

`--edge_maps=<folder> --annotations=<folder>` scores edge maps of any program instead, see
`tfvse.commands.edge_maps`.
"""

import dataclasses
import pathlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfvse import commands
from tfvse.commands import edge_maps
from tfvse.config import RunFolder, setting
from tfvse.errors import UserError
from tfvse.experiment import from_run_dir, parse_run_tool, trained

if TYPE_CHECKING:
    from tfvse.evaluation.report import Report
    from tfvse.systems.base import System


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Evaluates a trained run; any setting of the run can be overridden."""

    split: str = setting("val", "split of the data set")
    checkpoint: str = setting("last", "which checkpoint", choices=("last", "best"))
    report: str = setting("report.json", "file name of the report, in the run folder")
    ensemble: str = setting(
        "", "folders of further runs, separated by commas, whose scores are averaged with it"
    )
    plots: bool = setting(True, "write the system's figures as well")

    def check(self) -> None:
        """Refuses a report outside the run folder.

        Raises:
          UserError: --report is no file name.
        """
        if not self.report or pathlib.PurePath(self.report).name != self.report:
            raise UserError(
                f"--report={self.report}: must be a file name, such as report.json; it is written "
                "into --run_dir"
            )


def main(argv: Sequence[str]) -> None:
    """Evaluates, writes the report and the figures, and prints the report."""
    words = list(argv)
    if any(word.lstrip("-").split("=")[0] == "edge_maps" for word in words):
        edge_maps.main(words)
        return
    flags, config = parse_run_tool(Flags, words)

    begun = time.time()
    run_dir = pathlib.Path(flags.run_dir)
    system, dataset, step = trained(config, run_dir, flags.checkpoint)
    report = _evaluate(system, dataset, flags)
    seconds = round(time.time() - begun, 2)
    report = dataclasses.replace(report, step=step, command=commands.typed(), wall_seconds=seconds)
    written = [run_dir / flags.report]
    report.write(written[0])
    print(report.table())

    if flags.plots and not flags.ensemble:
        written += system.plots(report, dataset, run_dir)
    for path in written:
        print(f"written: {path}")


def _evaluate(system: "System", dataset: Any, flags: Flags) -> "Report":
    """The report of the run, or of the ensemble."""
    if not flags.ensemble:
        work_dir = pathlib.Path(flags.run_dir) / "pictures"  # the name of before: resumes its work
        return system.evaluate(dataset, flags.split, work_dir=work_dir)

    from tfvse.evaluation import ensemble

    members = [(system, dataset)]
    for folder in flags.ensemble.split(","):
        other = from_run_dir(folder)
        loaded = trained(other, pathlib.Path(folder), flags.checkpoint)
        members.append(loaded[:2])
    return ensemble.evaluate(members, flags.split)
