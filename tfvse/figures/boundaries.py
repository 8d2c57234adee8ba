"""Boundary detection: precision against recall, and maps beside the annotators' drawings."""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfvse.figures.contact_sheets import grid
from tfvse.figures.page import printable
from tfvse.figures.style import COLOURS, DPI, GREEN, STYLE, save, set_title
from tfvse.typing import PathLike

ISO_F = np.arange(1, 10) / 10


def precision_recall(
    path: PathLike,
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    title: str = "",
) -> pathlib.Path:
    """Draws curves over lines on which F is 0.1, 0.2 … 0.9, with a dot at each curve's best F.

    Args:
      path: PNG to write.
      curves: label → {"recall", "precision", "F"}, lists of one length, fractions, by threshold.
      title: a line above everything.

    Returns:
      `path`.
    """
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(
            figsize=(5.6, 5.2),
            dpi=DPI,
            layout="constrained",
        )
        axes = figure.add_subplot(
            xlabel="recall",
            ylabel="precision",
            xlim=(0, 1),
            ylim=(0, 1),
            aspect="equal",
        )
        set_title(axes, printable(title))
        _draw_equal_f(axes)
        for (label, curve), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
            _draw_curve(axes, label, curve, colour)
        axes.legend(loc="lower left")
        return save(figure, path)


def _draw_equal_f(axes: Axes) -> None:
    """Draws the lines of equal F."""
    for f in ISO_F:
        recall = np.linspace(f / (2 - f), 1, 200)
        precision = f * recall / (2 * recall - f)
        axes.plot(
            recall,
            precision,
            color=GREEN,
            lw=0.7,
            alpha=0.45,
        )
        axes.text(
            1.01,
            f / (2 - f),
            f"F={f:.1f}",
            size=7,
            color=GREEN,
            va="center",
        )


def _draw_curve(
    axes: Axes,
    label: str,
    curve: Mapping[str, Sequence[float]],
    colour: str,
) -> None:
    """Draws one curve and the dot at its best F."""
    recall = np.array(curve["recall"])
    precision = np.array(curve["precision"])
    f = np.array(curve["F"])
    drawn = recall + precision > 0  # where nothing is marked, there is no precision
    axes.plot(
        recall[drawn],
        precision[drawn],
        color=colour,
        lw=1.8,
    )

    best = np.argmax(f)
    name = printable(f"{label}  F={f[best]:.3f}".strip())
    axes.plot(
        recall[best],
        precision[best],
        "o",
        color=colour,
        ms=6,
        label=name,
        clip_on=False,
    )


def edge_sheet(
    path: PathLike,
    maps: Sequence[tuple[str, np.ndarray, Sequence[np.ndarray]]],
    title: str = "",
) -> pathlib.Path:
    """Draws edge maps, dark on white, beside the mean of their annotators' drawings.

    Args:
      path: PNG to write.
      maps: (name, float [H, W] in 0 … 1, list of bool [H, W]) each.
      title: a line above everything.

    Returns:
      `path`.
    """
    columns = {
        "edge map": [dark(edge_map) for _, edge_map, _ in maps],
        "annotators": [dark(np.mean(drawings, axis=0)) for _, _, drawings in maps],
    }
    return grid(path, columns, title)


def dark(values: np.ndarray) -> np.ndarray:
    """Float [H, W] in 0 … 1 → uint8 [H, W, 3]: 0 is white, 1 is black."""
    grey = np.rint(255 * (1 - np.asarray(values))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)
