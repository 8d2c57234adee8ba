"""PNGs of boundary detection: precision against recall over lines of equal F, and edge maps beside what people drew."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfvse.evaluation import pictures
from tfvse.evaluation.page import DPI, GREEN, printable, save
from tfvse.evaluation.pictures import COLOURS, STYLE

ISO_F = np.arange(1, 10) / 10


def precision_recall(path, curves, title=""):
    """Draws curves over green lines on which F is 0.1, 0.2 ... 0.9, with a dot at each curve's best F.

    Args:
      path: PNG to write.
      curves: {label: {"recall", "precision", "F"}}, lists of one length, fractions, by threshold.
      title: a line above everything.

    Returns:
      `path`.
    """
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(5.6, 5.2), dpi=DPI, layout="constrained")
        axes = figure.add_subplot(
            xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1), aspect="equal"
        )
        axes.set_title(printable(title), weight="bold", loc="left", parse_math=False)
        for f in ISO_F:
            recall = np.linspace(f / (2 - f), 1, 200)
            axes.plot(recall, f * recall / (2 * recall - f), color=GREEN, lw=0.7, alpha=0.45)
            axes.text(1.01, f / (2 - f), f"F={f:.1f}", size=7, color=GREEN, va="center")
        for (label, curve), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
            recall, precision, f = (np.array(curve[name]) for name in ("recall", "precision", "F"))
            best, drawn = (
                np.argmax(f),
                recall + precision > 0,
            )  # where nothing is marked, there is no precision
            axes.plot(recall[drawn], precision[drawn], color=colour, lw=1.8)
            name = printable(f"{label}  F={f[best]:.3f}".strip())
            axes.plot(
                recall[best], precision[best], "o", color=colour, ms=6, label=name, clip_on=False
            )
        axes.legend(loc="lower left")
        return save(figure, path)


def contact_sheet(path, maps, title=""):
    """Draws edge maps, dark on white, beside the mean of their annotators' drawings.

    Args:
      path: PNG to write.
      maps: list of (name, float [H, W] in 0 ... 1, list of bool [H, W]).
      title: a line above everything.

    Returns:
      `path`.
    """
    columns = {
        "edge map": [dark(edge_map) for _, edge_map, _ in maps],
        "annotators": [dark(np.mean(annotations, axis=0)) for *_, annotations in maps],
    }
    return pictures.grid(path, columns, title)


def dark(values):
    """uint8 [H, W, 3] of float [H, W] in 0 ... 1: 0 is white, 1 black."""
    return np.rint(255 * (1 - np.asarray(values)))[..., None].astype(np.uint8).repeat(3, axis=-1)
