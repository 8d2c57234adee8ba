"""Exports a trained run: `tfvse export --run_dir=runs/<name> --name=<model>`.

Writes `<saved_models_dir>/<name>/<next version>/` and `<saved_models_dir>/models.config`. A fresh
process checks first that the exported model computes what the Keras networks compute. `--litert`
adds files for phones.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from tfvse.config import RunFolder, setting
from tfvse.experiment import parse_run_tool, trained


@dataclasses.dataclass(frozen=True)
class Flags(RunFolder):
    """Exports a trained run."""

    name: str = setting("", "name of the model; empty: the run folder's")
    version: int = setting(0, "version; 0: one more than the newest", low=0, high=2**63 - 1)
    checkpoint: str = setting("last", "which checkpoint", choices=("last", "best"))
    report: str = setting(
        "report.json", "report in the run folder whose numbers go into the model card"
    )
    litert: str = setting("", "LiteRT formats to add, of float32,float16,int8")
    saved_models_dir: str = setting("saved_models", "folder of all exported models")


def main(argv: Sequence[str]) -> None:
    """Exports the run and prints where to."""
    flags, config = parse_run_tool(Flags, list(argv))

    from tfvse.export import litert, saved_model

    formats = litert.parse_formats(flags.litert)
    run_dir = pathlib.Path(flags.run_dir)
    system, dataset, step = trained(config, run_dir, flags.checkpoint)
    report = _report(run_dir / flags.report, step)
    name = flags.name or run_dir.resolve().name
    path = saved_model.export(
        system, dataset, report, flags.saved_models_dir, name, flags.version or None, formats
    )
    print(f"exported: {path}\nmodel card: {path / 'MODEL_CARD.md'}")


def _report(path: pathlib.Path, step: int) -> dict[str, Any] | None:
    """The report at `path`; None, and a note on screen, when there is none of these weights."""
    from tfvse.evaluation import report as reports

    try:
        report = reports.read(path, "step", "split")
    except FileNotFoundError:
        print(
            f"note: no {path}; the model card will say that the run was not evaluated "
            "(tfvse evaluate)"
        )
        return None
    if report["step"] != step:
        measured = f"{path} measured step {report['step']}, step {step} is exported"
        print(f"note: {measured}; its numbers are left out")
        return None
    return report
