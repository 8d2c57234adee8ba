"""Measures a trained classifier's features on another data set: python tools/transfer.py --run_dir=... --data=indoor67.

Classes by a linear SVM, `holidays` by mean average precision, `ukb` by N-S score, as table 2.6 of the thesis does.
Writes `<run_dir>/transfer-<data>.json`.
"""

import dataclasses
import pathlib
import sys
import time

from tfvse import errors
from tfvse.config import RunFolder, setting
from tfvse.experiment import parse_run_tool


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Measures a trained classifier's features on another data set."""

    data: str = setting(
        "",
        "the other data set: class_folders, indoor67, flowers102_pictures, cifar100, holidays, ukb ...",
    )
    prepared_dir: str = setting("", "folder written by tools/prepare_data.py; empty: data/<data>")
    split: str = setting("test", "split of the other data set that is classified or searched")
    checkpoint: str = setting("last", "which checkpoint of the run", choices=("last", "best"))

    def check(self):
        if not self.data:
            raise errors.UserError(
                "--data: missing; name the data set that the features are measured on"
            )


def main(argv):
    flags, config = parse_run_tool(Flags, argv)

    from tfvse import data
    from tfvse.evaluation import transfer
    from tfvse.evaluation.report import Report
    from tfvse.systems import base
    from tfvse.training import checkpoint

    begun, run_dir = time.time(), pathlib.Path(flags.run_dir)
    other = data.load(
        dataclasses.replace(config, data=flags.data, prepared_dir=flags.prepared_dir),
        "classification",
    )
    own = data.load(config, "classification")
    system = base.create(config, own, precision="float32")
    step = checkpoint.load_networks(system, run_dir, flags.checkpoint)["step"]
    split = other.split(flags.split, own.view)
    if flags.data == "holidays":
        result = transfer.of_holidays(system.embed, split)
    elif flags.data == "ukb":
        result = transfer.of_ukb(system.embed, split)
    else:
        train = other.split("train", own.view)
        result = transfer.by_svm(system.embed, train, split, other.classes, seed=config.seed)
    report = dataclasses.replace(
        Report.of(system, other, flags.split, result),
        data_set=flags.data,
        step=step,
        command=" ".join(["python", *sys.argv]),
        wall_seconds=round(time.time() - begun, 2),
    )
    report.write(run_dir / f"transfer-{flags.data}.json")
    print(f"{report.table()}\nwritten: {run_dir / f'transfer-{flags.data}.json'}")


if __name__ == "__main__":
    errors.run(main)
