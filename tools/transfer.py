"""Measures a trained classifier's features on another data set, as table 2.6 of the thesis does.

`python tools/transfer.py --run_dir=… --data=indoor67` writes `<run_dir>/transfer-indoor67.json`.
Data sets of classes are measured by a linear SVM, `holidays` by mean average precision, `ukb` by
its N-S score.
"""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfvse import errors
from tfvse.config import RunFolder, setting
from tfvse.errors import UserError
from tfvse.experiment import parse_run_tool

if TYPE_CHECKING:
    from tfvse.evaluation.report import Result


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Measures a trained classifier's features on another data set."""

    data: str = setting(
        "",
        "the other data set: class_folders, indoor67, flowers102_pictures, cifar100, holidays …",
    )
    prepared_dir: str = setting("", "folder written by tools/prepare_data.py; empty: data/<data>")
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
    from tfvse.systems import base
    from tfvse.training import checkpoint

    begun = time.time()
    run_dir = pathlib.Path(flags.run_dir)
    other_config = dataclasses.replace(config, data=flags.data, prepared_dir=flags.prepared_dir)
    other = data.load(other_config, "classification")
    own = data.load(config, "classification")
    system = base.create(config, own, precision="float32")
    step = checkpoint.load_networks(system, run_dir, flags.checkpoint)["step"]

    result = _measure(system, own, other, flags)
    report = dataclasses.replace(
        Report.of(system, other, flags.split, result),
        data_set=flags.data,
        step=step,
        command=" ".join(["python", *sys.argv]),
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

    split = other.split(flags.split, own.view)
    if flags.data == "holidays":
        return transfer.of_holidays(system.embed, split)
    if flags.data == "ukb":
        return transfer.of_ukb(system.embed, split)
    train = other.split("train", own.view)
    return transfer.by_svm(system.embed, train, split, other.classes, seed=system.config.seed)


if __name__ == "__main__":
    errors.run(main)
