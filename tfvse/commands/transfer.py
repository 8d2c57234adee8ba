"""Measures a trained classifier's features on another data set, as table 2.6 of the thesis does.

`tfvse transfer --run_dir=… --data=indoor67` writes `<run_dir>/transfer-indoor67.json`.
Data sets of classes are measured by a linear SVM, `holidays` by mean average precision, `ukb` by
its N-S score.
"""

import dataclasses
import pathlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfvse import commands
from tfvse.config import RunFolder, setting
from tfvse.errors import UserError
from tfvse.experiment import parse_run_tool, trained

if TYPE_CHECKING:
    from tfvse.evaluation.report import Result


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Measures a trained classifier's features on another data set."""

    data: str = setting(
        "",
        "the other data set: class_folders, indoor67, flowers102_pictures, cifar100, holidays …",
    )
    prepared_dir: str = setting("", "folder written by tfvse prepare; empty: data/<data>")
    split: str = setting("test", "split of the other data set that is classified or searched")
    checkpoint: str = setting("last", "which checkpoint of the run", choices=("last", "best"))

    def check(self) -> None:
        """Refuses to go without a data set.

        Raises:
          UserError: none is given.
        """
        if not self.data:
            raise UserError("--data: missing; name the data set to measure the features on")


def main(argv: Sequence[str]) -> None:
    """Measures the features and writes the report."""
    flags, config = parse_run_tool(Flags, list(argv))

    from tfvse import data
    from tfvse.evaluation.report import Report

    if config.data_view().kind != "classification":
        raise UserError(f"--run_dir={flags.run_dir}: holds {config.system}, which is no classifier")
    begun = time.time()
    run_dir = pathlib.Path(flags.run_dir)
    other_config = dataclasses.replace(config, data=flags.data, prepared_dir=flags.prepared_dir)
    other = data.load_for(other_config)
    system, own, step = trained(config, run_dir, flags.checkpoint)

    result = _measure(system, own, other, flags)
    report = dataclasses.replace(
        Report.of(system, other, flags.split, result),
        data_set=flags.data,
        step=step,
        command=commands.typed(),
        wall_seconds=round(time.time() - begun, 2),
    )
    path = run_dir / f"transfer-{flags.data}.json"
    report.write(path)
    print(f"{report.table()}\nwritten: {path}")


def _measure(system: Any, own: Any, other: Any, flags: Flags) -> "Result":
    """The other data set's own measure.

    Args:
      system: the classifier, a `ClassificationSystem`.
      own: the data set that it was trained on, whose view of images it takes.
      other: the other data set.
      flags: name the data set and its split.
    """
    from tfvse.evaluation import transfer

    split = other.split(flags.split, own.framing)
    if flags.data == "holidays":
        return transfer.of_holidays(system.embed, split)
    if flags.data == "ukb":
        return transfer.of_ukb(system.embed, split)
    train = other.split("train", own.framing)
    return transfer.by_svm(system.embed, train, split, other.classes, seed=system.config.seed)
