"""Scores edge maps of any program: `tfvse evaluate --edge_maps=<folder> --annotations=<folder>`.

The maps are PNG or .mat files, the ground truth is that of BSDS500 or NYUD. Writes the report, the
precision-recall curve and a contact sheet into `--output`. The same command resumes an interrupted
evaluation.
"""

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfvse import commands
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.parsing import parse_flags

if TYPE_CHECKING:
    from tfvse.data.formats.edge_maps import EdgeMapFolder
    from tfvse.evaluation.report import Report

SHOWN = 8  # edge maps of the contact sheet


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
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
        "edge_report", "folder for the report, the figures and every image's counts"
    )

    def check(self) -> None:
        """Refuses to go without either folder.

        Raises:
          UserError: one is missing.
        """
        for name in ("edge_maps", "annotations"):
            if not getattr(self, name):
                raise UserError(
                    f"--{name}: missing; give the folder, such as --{name}=results/{name}"
                )


def main(argv: Sequence[str]) -> None:
    """Scores the edge maps, writes the report and its figures, and prints the report."""
    flags = parse_flags(Flags, list(argv))
    from tfvse.data.formats.edge_maps import EdgeMapFolder

    begun = time.time()
    output = pathlib.Path(flags.output)
    maps = EdgeMapFolder(flags.edge_maps, flags.annotations)
    report = _evaluate(maps, flags, output)
    seconds = round(time.time() - begun, 2)
    report = dataclasses.replace(report, command=commands.typed(), wall_seconds=seconds)
    report.write(output / "report.json")
    print(report.table())

    figures = _draw(report, maps, output)
    for path in [output / "report.json", *figures]:
        print(f"written: {path}")


def _evaluate(maps: "EdgeMapFolder", flags: Flags, output: pathlib.Path) -> "Report":
    """The benchmark's report of a folder."""
    from tfvse.evaluation import edges
    from tfvse.evaluation.report import Report

    for sample in maps:  # all are looked at before any is counted
        edges.check(*sample)
    result = edges.evaluate(
        maps,
        max_distance=flags.max_distance,
        thresholds=flags.thresholds,
        nms=flags.nms,
        ceval=flags.ceval,
        workers=flags.workers,
        results_dir=output / "pictures",  # the name of before: resumes its work
    )
    title = pathlib.Path(flags.edge_maps).resolve().name
    data_set = pathlib.Path(flags.annotations).resolve().name
    return Report(title, data_set, "whole", **result._asdict())


def _draw(report: "Report", maps: "EdgeMapFolder", output: pathlib.Path) -> list[pathlib.Path]:
    """Draws the curves and some maps; returns the paths."""
    from tfvse.figures import boundaries

    curves = {}
    for key, curve in report.details.items():
        if "curve" in key:
            curves["CEval" if "CEval" in key else ""] = curve
    written = [output / "precision_recall.png", output / "contact_sheet.png"]
    boundaries.precision_recall(written[0], curves, report.system)
    boundaries.edge_sheet(written[1], list(itertools.islice(maps, SHOWN)), report.system)
    return written
