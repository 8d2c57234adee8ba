"""Training curves: everything in a run's log against the step."""

import math
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfvse.errors import UserError
from tfvse.figures.page import printable
from tfvse.figures.style import COLOURS, DPI, GREY, STYLE, save
from tfvse.training import log
from tfvse.typing import PathLike

_NO_CURVES = ("step", "epoch", "stage", "time")
_FEW = 40  # points that are drawn as dots; more are smoothed

Points = dict[int, float]  # step → value


def curves(run_dir: PathLike) -> pathlib.Path:
    """Draws `<run_dir>/log.jsonl`: a panel for each loss, rate and metric.

    Metrics of an evaluation such as `val/i2t/R@1` and `val/t2i/R@1` share a panel. Dashed lines
    divide stages.

    Returns:
      The path of `<run_dir>/curves.png`.

    Raises:
      UserError: there is no log, or nothing in it.
    """
    series, stages = read_log(pathlib.Path(run_dir))
    panels = _panels(series)
    last = max(max(points) for points in series.values())
    across = min(4, math.ceil(math.sqrt(len(panels))))
    down = math.ceil(len(panels) / across)

    with matplotlib.rc_context(STYLE):
        figure = _figure(across, down)
        for place, (panel, lines) in enumerate(panels.items()):
            axes = figure.add_subplot(down, across, place + 1)
            _draw_panel(axes, panel, lines, stages)
            axes.set_xlim(0, last * 1.02)
            if place + across >= len(panels):
                axes.set_xlabel("step")
        return save(figure, pathlib.Path(run_dir) / "curves.png")


def read_log(run_dir: pathlib.Path) -> tuple[dict[str, Points], list[tuple[str, int]]]:
    """Reads the log of a run.

    Returns:
      (name → {step: value}, list of (stage, its first step)). A step logged twice counts as the
      later one.

    Raises:
      UserError: there is no log, or nothing in it.
    """
    path = run_dir / log.FILE
    if not path.exists():
        raise UserError(f"{path}: there is no training log; train the run first")
    series: dict[str, Points] = {}
    stages: dict[str, int] = {}
    for record in log.read(run_dir):
        if record.get("stage"):
            stages.setdefault(record["stage"], record["step"])
        for name, value in record.items():
            if name not in _NO_CURVES:
                series.setdefault(name, {})[record["step"]] = value
    if not series:
        raise UserError(
            f"{path}: the training log is empty; train the run for at least --log_every steps"
        )
    return series, list(stages.items())


def _panels(series: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """Title of a panel → {label: points}.

    "val/i2t/R@1" is the line "i2t" of the panel "val R@1".
    """
    panels: dict[str, dict[str, Points]] = {}
    for name, points in series.items():
        parts = name.split("/")
        panel = " ".join(parts)
        label = ""
        if len(parts) > 2:
            panel = f"{parts[0]} {parts[-1]}"
            label = " ".join(parts[1:-1])
        panels.setdefault(panel, {})[label] = points
    return panels


def _figure(
    across: int,
    down: int,
) -> Figure:
    """A figure for `across` x `down` panels."""
    wide = 3.5 * across + 0.3
    tall = 2.5 * down + 0.3
    figure = Figure(figsize=(wide, tall), dpi=DPI)
    figure.subplots_adjust(
        left=0.6 / wide,
        bottom=0.5 / tall,
        right=1 - 0.15 / wide,
        top=1 - 0.35 / tall,
        wspace=0.25,
        hspace=0.35,
    )
    return figure


def _draw_panel(
    axes: Axes,
    panel: str,
    lines: Mapping[str, Points],
    stages: Sequence[tuple[str, int]],
) -> None:
    """Draws one panel: its `lines` by label, and where the `stages` begin."""
    axes.set_title(
        printable(panel),
        loc="left",
        parse_math=False,
    )
    for (label, points), colour in zip(lines.items(), COLOURS * len(lines), strict=False):
        steps, values = np.array(sorted(points.items()), float).T
        _draw_line(axes, steps, values, colour, label, smooth=panel[:13] != "learning_rate")
    if panel == "learning_rate" and min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.margins(y=0.12)
    if len(stages) > 1:
        _draw_stages(axes, stages)
    if any(lines):
        axes.legend(fontsize=8)


def _draw_line(
    axes: Axes,
    steps: np.ndarray,
    values: np.ndarray,
    colour: str,
    label: str,
    smooth: bool,
) -> None:
    """Draws `values` against `steps`, float [N] each; many points get a smoothed line on top."""
    few = len(steps) < _FEW
    if few or not smooth:
        marker = "o" if few else ""
        axes.plot(
            steps,
            values,
            color=colour,
            lw=1.6,
            marker=marker,
            ms=3,
            label=label,
        )
        return
    axes.plot(
        steps,
        values,
        color=colour,
        lw=0.7,
        alpha=0.35,
    )
    axes.plot(
        steps,
        smoothed(values),
        color=colour,
        lw=1.8,
        label=label,
    )


def _draw_stages(
    axes: Axes,
    stages: Sequence[tuple[str, int]],
) -> None:
    """Writes the name of each stage at its first step, with a dashed line between two stages."""
    for name, step in stages:
        line = "--" if step > stages[0][1] else "none"
        axes.axvline(
            step,
            color=GREY,
            lw=0.8,
            ls=line,
        )
        axes.text(
            step,
            0.99,
            f" {printable(name)}",
            transform=axes.get_xaxis_transform(),
            size=7,
            color=GREY,
            va="top",
            parse_math=False,
        )


def smoothed(values: np.ndarray) -> np.ndarray:
    """The mean of a centred window of a twentieth of N, shorter at the ends: float [N] → same."""
    half = max(1, len(values) // 40)
    total = np.concatenate([[0.0], np.cumsum(values)])
    middle = np.arange(len(values))
    left = np.maximum(middle - half, 0)
    right = np.minimum(middle + half + 1, len(values))
    return (total[right] - total[left]) / (right - left)
