"""PNGs of semantic segmentation: pictures beside their true and predicted classes, and the IoU of every class."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfvse.data.kinds.segmentation import VOID
from tfvse.evaluation.page import DPI, GREY, Page, height, printable, save, wrap
from tfvse.evaluation.pictures import COLOURS, MARGIN, STYLE

WHITE = (255, 255, 255)  # of void
HEADINGS = ("picture", "truth", "prediction")


def colour(labels, colours):
    """uint8 [..., 3] of labels [...] in 0 … C - 1, uint8 [C, 3] the colour of each; `VOID` is white."""
    table = np.full((VOID + 1, 3), WHITE, np.uint8)
    table[: len(colours)] = colours
    return table[labels]


def montage(examples, colours):
    """uint8 [H, W, 3]: in every row picture, truth and prediction of one example, white where rows are shorter.

    Args:
      examples: list of (picture uint8 [h, w, 3], labels [h, w], predicted labels [h, w]).
      colours: uint8 [C, 3].
    """
    rows = [np.concatenate(_panels(example, colours), axis=1) for example in examples]
    width = max(row.shape[1] for row in rows)
    widened = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(widened)


def comparison(path, examples, classes, colours, title=""):
    """Draws examples as `montage` does, under headings, with a legend of the classes below.

    Args:
      path: PNG to write.
      examples, colours: as of `montage`.
      classes: C names.
      title: a line above everything.

    Returns:
      `path`.
    """
    cell, gap, entry, line = 2.2, 0.08, 1.4, 0.24  # inches
    width = len(HEADINGS) * (cell + gap) - gap
    heights = [cell * min(1, picture.shape[0] / picture.shape[1]) + gap for picture, *_ in examples]
    across = int(width // entry)
    start, legend = 0.85, 0.1 + line * -(-len(classes) // across)
    page = Page(width + 2 * MARGIN, start + sum(heights) + legend + MARGIN)
    page.text(MARGIN, 0.2, wrap(title, 0.88 * width, 13, 1), size=13, weight="bold")
    for column, heading in enumerate(HEADINGS):
        page.text(MARGIN + column * (cell + gap), start - 0.27, heading, size=10, color=GREY)
    for example, tall, top in zip(
        examples, heights, start + np.cumsum([0, *heights]), strict=False
    ):
        for column, panel in enumerate(_panels(example, colours)):
            page.picture(MARGIN + column * (cell + gap), top - (cell + gap - tall) / 2, cell, panel)
    for place, (name, rgb) in enumerate(zip(classes, colours, strict=True)):
        left, top = (
            MARGIN + place % across * entry,
            start + sum(heights) + 0.1 + place // across * line,
        )
        page.picture(left, top, 0.16, np.array(rgb, np.uint8)[None, None])
        page.text(
            left + 0.24, top + (0.16 - height("", 9)) / 2, wrap(name, entry - 0.3, 9, 1), size=9
        )
    return page.save(path)


def class_bars(path, by_class, title=""):
    """Draws the IoU of every class, best first.

    Args:
      path: PNG to write.
      by_class: {class: IoU in percent}.
      title: a line above everything.

    Returns:
      `path`.
    """
    names = sorted(by_class, key=by_class.get)
    with matplotlib.rc_context(STYLE | {"axes.grid.axis": "x"}):
        figure = Figure(figsize=(6.0, 1.0 + 0.26 * len(names)), dpi=DPI, layout="constrained")
        axes = figure.add_subplot(xlabel="IoU (%)", xlim=(0, 100), axisbelow=True)
        axes.set_title(printable(title), weight="bold", loc="left", parse_math=False)
        bars = axes.barh(
            range(len(names)), [by_class[name] for name in names], color=COLOURS[0], height=0.7
        )
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
        axes.set_yticks(range(len(names)), list(map(printable, names)), parse_math=False)
        return save(figure, path)


def _panels(example, colours):
    picture, labels, predicted = example
    return picture, colour(labels, colours), colour(predicted, colours)
