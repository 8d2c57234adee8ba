"""How every figure looks: sizes, colours, and Matplotlib's settings.

Figures are drawn on Matplotlib's Agg canvas without pyplot. Nothing global changes and no display
is needed.
"""

import pathlib
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tfvse.files import atomic_write
from tfvse.typing import PathLike

DPI = 110
FONT = "DejaVu Sans"  # comes with Matplotlib, so it is on every machine
GREEN = "#1a8a3a"
INK = "#222222"
GREY = "#8a8a8a"
PALE = "#d9d9d9"
COLOURS = ("#2f6fb3", "#d9622b", "#2b9a6b", "#9a4fb0", "#b8962e", "#c23b5a")
STYLE: dict[Any, Any] = {  # the keys are literals of Matplotlib
    "font.family": FONT,
    "font.size": 9,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#ececec",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


def save(
    figure: Figure,
    path: PathLike,
) -> pathlib.Path:
    """Writes a Matplotlib figure as PNG, atomically; returns its path."""
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
    return pathlib.Path(path)


def set_title(
    axes: Axes,
    title: str,
    loc: Literal["left", "center"] = "left",
) -> None:
    """Sets a bold title; a dollar sign in it begins no formula."""
    axes.set_title(
        title,
        weight="bold",
        loc=loc,
        parse_math=False,
    )
