"""The confusion matrix of a classifier."""

import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfvse.figures.page import printable
from tfvse.figures.style import DPI, INK, STYLE, save, set_title
from tfvse.typing import PathLike

_MOST_NAMES = 40  # classes whose names fit at the axes
_MOST_NUMBERS = 20  # classes whose percents fit into the cells


def confusion_matrix(
    path: PathLike,
    confusion: np.ndarray,
    classes: Sequence[str],
    title: str = "",
) -> pathlib.Path:
    """Draws how often the class of a row was taken for that of a column, in percent of the row.

    Args:
      path: PNG to write.
      confusion: float [C, C] counts.
      classes: C names.
      title: a line above everything.

    Returns:
      `path`.
    """
    of_row = np.maximum(
        np.sum(
            confusion,
            axis=1,
            keepdims=True,
        ),
        1,
    )
    percent = 100 * np.asarray(confusion) / of_row
    side = min(8.0, max(4.0, 1.8 + 0.48 * len(classes)))
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(
            figsize=(side + 0.9, side),
            dpi=DPI,
            layout="constrained",
        )
        axes = figure.add_subplot(xlabel="predicted", ylabel="true")
        set_title(axes, printable(title), loc="center")
        shown = axes.imshow(
            percent,
            cmap="Blues",
            vmin=0,
            vmax=100,
        )
        bar = figure.colorbar(
            shown,
            ax=axes,
            label="% of the true class",
            shrink=0.8,
            aspect=30,
        )
        bar.outline.set_visible(False)
        if len(classes) <= _MOST_NAMES:
            _write_names(axes, classes)
        if len(classes) <= _MOST_NUMBERS:
            _write_numbers(axes, percent)
        return save(figure, path)


def _write_names(
    axes: Axes,
    classes: Sequence[str],
) -> None:
    """Writes the names of the classes along both axes."""
    names = [printable(name) for name in classes]
    places = range(len(classes))
    axes.set_xticks(
        places,
        names,
        parse_math=False,
        rotation=45,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(places, names, parse_math=False)


def _write_numbers(
    axes: Axes,
    percent: np.ndarray,
) -> None:
    """Writes the percents of at least 0.5 into their cells."""
    for (row, column), value in np.ndenumerate(percent):
        if value >= 0.5:
            colour = "white" if value > 55 else INK
            axes.text(
                column,
                row,
                f"{value:.0f}",
                ha="center",
                va="center",
                size=8,
                color=colour,
            )
