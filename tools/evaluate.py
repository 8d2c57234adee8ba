"""Evaluates a trained run: `python tools/evaluate.py --run_dir=runs/<name> --split=val`.

Writes `<run_dir>/report-<split>.json` and the system's pictures. Any setting of the run can be overridden, for example
`--fusion=adaptive`; `--report` then names another file.
"""

import dataclasses
import pathlib
import sys
import time

from tfvse import errors
from tfvse.config import RunFolder, parse_run_tool, setting


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Evaluates a trained run; any setting of the run can be overridden."""

    split: str = setting("val", "split of the data set")
    checkpoint: str = setting("last", "which checkpoint", choices=("last", "best"))
    report: str = setting("report.json", "file name of the report, in the run folder")
    plots: bool = setting(True, "write the system's pictures as well")


def main(argv):
    flags, config = parse_run_tool(Flags, argv)

    from tfvse import data
    from tfvse.systems import base
    from tfvse.training import checkpoint

    run_dir = pathlib.Path(flags.run_dir)
    dataset = data.load(config)
    system = base.create(config, dataset, precision="float32")
    state = checkpoint.load_networks(system, run_dir, flags.checkpoint)
    begun = time.time()
    report = dataclasses.replace(
        system.evaluate(dataset, flags.split),
        step=state["step"],
        command=" ".join(["python", *sys.argv]),
        wall_seconds=round(time.time() - begun, 2),
    )
    report.write(run_dir / flags.report)
    print(report.table())
    written = [run_dir / flags.report, *(system.plots(dataset, flags.split, run_dir) if flags.plots else [])]
    print("\n".join(f"written: {path}" for path in written))


if __name__ == "__main__":
    errors.run(main)
