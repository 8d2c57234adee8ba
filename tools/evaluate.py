"""Evaluates a trained run: `python tools/evaluate.py --run_dir=runs/<name> --split=val`.

Writes `<run_dir>/report.json` and the system's pictures. Any setting of the run can be overridden, for example
`--fusion=adaptive`; `--report` then names another file. `--ensemble=runs/b,runs/c` averages the similarities of further
runs with those of this one.
"""

import dataclasses
import pathlib
import sys
import time

from tfvse import errors
from tfvse.config import RunFolder, from_run_dir, parse_run_tool, setting


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Evaluates a trained run; any setting of the run can be overridden."""

    split: str = setting("val", "split of the data set")
    checkpoint: str = setting("last", "which checkpoint", choices=("last", "best"))
    report: str = setting("report.json", "file name of the report, in the run folder")
    ensemble: str = setting("", "folders of further runs, separated by commas, whose similarities are averaged with it")
    plots: bool = setting(True, "write the system's pictures as well")


def main(argv):
    flags, config = parse_run_tool(Flags, argv)
    begun, run_dir = time.time(), pathlib.Path(flags.run_dir)
    system, dataset, step = _load(config, run_dir, flags.checkpoint)
    if flags.ensemble:
        from tfvse.evaluation import ensemble

        others = [(from_run_dir(folder), pathlib.Path(folder)) for folder in flags.ensemble.split(",")]
        others = [_load(other, folder, flags.checkpoint)[:2] for other, folder in others]
        report = ensemble.evaluate([(system, dataset), *others], flags.split)
    else:
        report = system.evaluate(dataset, flags.split)
    report = dataclasses.replace(
        report, step=step, command=" ".join(["python", *sys.argv]), wall_seconds=round(time.time() - begun, 2)
    )
    report.write(run_dir / flags.report)
    print(report.table())
    plots = system.plots(dataset, flags.split, run_dir) if flags.plots and not flags.ensemble else []
    print("\n".join(f"written: {path}" for path in [run_dir / flags.report, *plots]))


def _load(config, run_dir, which):
    """(system with its trained networks, its data set, the step of its checkpoint)."""
    from tfvse import data
    from tfvse.systems import base
    from tfvse.training import checkpoint

    dataset = data.load(config)
    system = base.create(config, dataset, precision="float32")
    return system, dataset, checkpoint.load_networks(system, run_dir, which)["step"]


if __name__ == "__main__":
    errors.run(main)
