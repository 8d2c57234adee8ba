"""Evaluates a trained run: `python tools/evaluate.py --run_dir=runs/<name> --split=val`.

Writes `<run_dir>/report.json` and the system's pictures. Any setting of the run can be overridden, for example
`--fusion=adaptive`; `--report` then names another file. `--ensemble=runs/b,runs/c` averages the similarities of further
runs with those of this one. Counting edges takes long: every picture's counts are kept, and the same command goes on
where it was killed.

`--edge_maps=<folder> --annotations=<folder>` instead scores edge maps that any program wrote, PNG or .mat, against
ground truth of BSDS500 or NYUD, and writes the report, the precision-recall curve and a contact sheet into `--output`;
the same command goes on where it was killed. `--edge_maps --help` tells more.
"""

import dataclasses
import itertools
import pathlib
import sys
import time

from tfvse import errors
from tfvse.config import RunFolder, Settings, from_run_dir, parse_flags, parse_run_tool, setting


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Evaluates a trained run; any setting of the run can be overridden."""

    split: str = setting("val", "split of the data set")
    checkpoint: str = setting("last", "which checkpoint", choices=("last", "best"))
    report: str = setting("report.json", "file name of the report, in the run folder")
    ensemble: str = setting(
        "", "folders of further runs, separated by commas, whose similarities are averaged with it"
    )
    plots: bool = setting(True, "write the system's pictures as well")

    def check(self):
        if not self.report or pathlib.PurePath(self.report).name != self.report:
            raise errors.UserError(
                f"--report={self.report}: must be a file name, such as report.json; it is written into --run_dir"
            )


@dataclasses.dataclass(frozen=True)
class EdgeFlags(Settings):
    """Scores a folder of edge maps against the boundaries that people drew."""

    edge_maps: str = setting("", "folder of grey PNG or .mat edge maps")
    annotations: str = setting(
        "", "folder of the benchmark's ground truth, a .mat of the same name for each edge map"
    )
    max_distance: float = setting(
        0.0075,
        "between partners, of the diagonal: 0.0075 for BSDS500, 0.011 for NYUD",
        low=0.0,
        high=0.1,
    )
    thresholds: int = setting(99, "how many thresholds", low=1, high=254)
    nms: bool = setting(
        False, "non-maximum suppression first, for maps that have not been through it"
    )
    ceval: bool = setting(
        False, "crispness as well, and the scores without suppression and thinning"
    )
    workers: int = setting(1, "processes", low=1)
    output: str = setting(
        "edge_report", "folder for the report, the pictures and every picture's counts"
    )

    def check(self):
        for name in ("edge_maps", "annotations"):
            if not getattr(self, name):
                raise errors.UserError(
                    f"--{name}: missing; give the folder, such as --{name}=results/{name}"
                )


def main(argv):
    if any(word.lstrip("-").split("=")[0] == "edge_maps" for word in argv):
        return _edge_maps(parse_flags(EdgeFlags, argv))
    flags, config = parse_run_tool(Flags, argv)
    begun, run_dir = time.time(), pathlib.Path(flags.run_dir)
    system, dataset, step = _load(config, run_dir, flags.checkpoint)
    if flags.ensemble:
        from tfvse.evaluation import ensemble

        others = [
            (from_run_dir(folder), pathlib.Path(folder)) for folder in flags.ensemble.split(",")
        ]
        others = [_load(other, folder, flags.checkpoint)[:2] for other, folder in others]
        report = ensemble.evaluate([(system, dataset), *others], flags.split)
    else:
        system.kept_dir = run_dir / "pictures"
        report = system.evaluate(dataset, flags.split)
    report = dataclasses.replace(report, step=step, **_this_call(begun))
    report.write(run_dir / flags.report)
    print(report.table())
    plots = (
        system.plots(dataset, flags.split, run_dir) if flags.plots and not flags.ensemble else []
    )
    print("\n".join(f"written: {path}" for path in [run_dir / flags.report, *plots]))


def _edge_maps(flags):
    from tfvse.data.edge_maps import EdgeMapFolder
    from tfvse.evaluation import edge_pictures, edges
    from tfvse.evaluation.report import Report

    begun, output = time.time(), pathlib.Path(flags.output)
    maps = EdgeMapFolder(flags.edge_maps, flags.annotations)
    for picture in maps:  # all are looked at before any is counted
        edges.check(*picture)
    names = ("max_distance", "thresholds", "nms", "ceval", "workers")
    settings = {name: getattr(flags, name) for name in names}
    result = edges.evaluate(maps, **settings, results_dir=output / "pictures")
    title, data_set = (
        pathlib.Path(folder).resolve().name for folder in (flags.edge_maps, flags.annotations)
    )
    report = Report(title, data_set, "whole", **result._asdict(), **_this_call(begun))
    report.write(output / "report.json")
    print(report.table())
    curves = {
        "CEval" if "CEval" in key else "": curve
        for key, curve in report.details.items()
        if "curve" in key
    }
    edge_pictures.precision_recall(output / "precision_recall.png", curves, title)
    edge_pictures.contact_sheet(
        output / "contact_sheet.png", list(itertools.islice(maps, 8)), title
    )
    print(
        "\n".join(
            f"written: {output / name}"
            for name in ("report.json", "precision_recall.png", "contact_sheet.png")
        )
    )


def _this_call(begun):
    return {
        "command": " ".join(["python", *sys.argv]),
        "wall_seconds": round(time.time() - begun, 2),
    }


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
