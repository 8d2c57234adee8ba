"""Semantic segmentation: images, their true and predicted classes, and the IoU of every class."""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfvse.figures.page import MARGIN, Page, height, printable, wrap
from tfvse.figures.style import COLOURS, DPI, GREY, STYLE, save, set_title
from tfvse.metrics.segmentation import VOID
from tfvse.typing import PathLike

WHITE = (255, 255, 255)  # of void
HEADINGS = ("image", "truth", "prediction")
_CELL = 2.2  # inches: side of an image
_GAP = 0.08
_TOP = 0.85  # where the first row begins
_ENTRY = 1.4  # width of a class in the legend
_LINE = 0.24  # height of a line of the legend

Example = tuple[np.ndarray, np.ndarray, np.ndarray]


def colour(
    labels: np.ndarray,
    colours: np.ndarray,
) -> np.ndarray:
    """Paints a label map.

    Args:
      labels: uint8 […], 0 … C - 1 or `VOID`, which is white.
      colours: uint8 [C, 3].

    Returns:
      uint8 […, 3].
    """
    table = np.full((VOID + 1, 3), WHITE, np.uint8)
    table[: len(colours)] = colours
    return table[labels]


def montage(
    examples: Sequence[Example],
    colours: np.ndarray,
) -> np.ndarray:
    """Image, truth and prediction of one example in every row, white where rows are shorter.

    Args:
      examples: (image uint8 [h, w, 3], labels [h, w], predicted labels [h, w]) each.
      colours: uint8 [C, 3].

    Returns:
      uint8 [H, W, 3].
    """
    rows = [np.concatenate(_painted(example, colours), axis=1) for example in examples]
    width = max(row.shape[1] for row in rows)
    widened = []
    for row in rows:
        missing = width - row.shape[1]
        widened.append(np.pad(row, ((0, 0), (0, missing), (0, 0)), constant_values=255))
    return np.concatenate(widened)


def _painted(
    example: Example,
    colours: np.ndarray,
) -> Example:
    """Image, truth and prediction of an example as uint8 [h, w, 3] each."""
    image, labels, predicted = example
    return image, colour(labels, colours), colour(predicted, colours)


def comparison(
    path: PathLike,
    examples: Sequence[Example],
    classes: Sequence[str],
    colours: np.ndarray,
    title: str = "",
) -> pathlib.Path:
    """Draws examples as `montage` does, under headings, with a legend of the classes below.

    Args:
      path: PNG to write.
      examples: (image uint8 [H, W, 3], labels [H, W], predicted labels [H, W]) each.
      colours: uint8 [C, 3].
      classes: C names.
      title: a line above everything.

    Returns:
      `path`.
    """
    width = len(HEADINGS) * (_CELL + _GAP) - _GAP
    across = int(width // _ENTRY)
    lines = -(-len(classes) // across)
    heights = [_row_height(image) for image, _, _ in examples]
    legend_top = _TOP + sum(heights) + 0.1

    page = Page(width + 2 * MARGIN, legend_top + lines * _LINE + MARGIN)
    page.text(
        MARGIN,
        0.2,
        wrap(title, 0.88 * width, 13, 1),
        size=13,
        weight="bold",
    )
    for column, heading in enumerate(HEADINGS):
        page.text(
            MARGIN + column * (_CELL + _GAP),
            _TOP - 0.27,
            heading,
            size=10,
            color=GREY,
        )
    tops = _TOP + np.cumsum([0, *heights[:-1]])
    for example, tall, top in zip(examples, heights, tops, strict=True):
        centred = top - (_CELL + _GAP - tall) / 2
        for column, panel in enumerate(_painted(example, colours)):
            page.image(MARGIN + column * (_CELL + _GAP), centred, _CELL, panel)
    _draw_legend(page, legend_top, across, classes, colours)
    return page.save(path)


def _row_height(image: np.ndarray) -> float:
    """Height in inches of the row of an image [h, w, 3]."""
    return _CELL * min(1, image.shape[0] / image.shape[1]) + _GAP


def _draw_legend(
    page: Page,
    top: float,
    across: int,
    classes: Sequence[str],
    colours: np.ndarray,
) -> None:
    """Writes the classes beside their colours from `top` on, `across` of them in a line."""
    for place, (name, rgb) in enumerate(zip(classes, colours, strict=True)):
        left = MARGIN + place % across * _ENTRY
        line_top = top + place // across * _LINE
        page.image(left, line_top, 0.16, np.array(rgb, np.uint8)[None, None])
        label = wrap(name, _ENTRY - 0.3, 9, 1)
        page.text(left + 0.24, line_top + (0.16 - height("", 9)) / 2, label, size=9)


def class_bars(
    path: PathLike,
    by_class: Mapping[str, float],
    title: str = "",
) -> pathlib.Path:
    """Draws the IoU of every class, best first.

    Args:
      path: PNG to write.
      by_class: class → IoU in percent.
      title: a line above everything.

    Returns:
      `path`.
    """
    names = sorted(by_class, key=by_class.__getitem__)
    values = [by_class[name] for name in names]
    with matplotlib.rc_context(STYLE | {"axes.grid.axis": "x"}):
        figure = Figure(
            figsize=(6.0, 1.0 + 0.26 * len(names)),
            dpi=DPI,
            layout="constrained",
        )
        axes = figure.add_subplot(
            xlabel="IoU (%)",
            xlim=(0, 100),
            axisbelow=True,
        )
        set_title(axes, printable(title))
        bars = axes.barh(
            range(len(names)),
            values,
            color=COLOURS[0],
            height=0.7,
        )
        axes.bar_label(
            bars,
            fmt="%.1f",
            padding=3,
            fontsize=8,
        )
        axes.set_yticks(range(len(names)), list(map(printable, names)), parse_math=False)
        return save(figure, path)
