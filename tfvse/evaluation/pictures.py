"""PNGs that people look at: training curves, contact sheets, before-and-after grids, confusion and fusion weights.

Drawn with Matplotlib's Agg canvas and no pyplot, so nothing global changes and no display is needed.
"""

import pathlib
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfvse.errors import UserError
from tfvse.evaluation.page import DPI, FONT, GREEN, GREY, INK, Page, height, printable, save, wrap
from tfvse.training import log

MARGIN = 0.3  # inches
COLOURS = ("#2f6fb3", "#d9622b", "#2b9a6b", "#9a4fb0", "#b8962e", "#c23b5a")
STYLE = {
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


class TextQuery(NamedTuple):
    """A text and the pictures found for it, best first: uint8 [H, W, 3] each, and whether each is right."""

    text: str
    pictures: list
    correct: list


class ImageQuery(NamedTuple):
    """A picture, uint8 [H, W, 3], and the texts found for it, best first, and whether each is right."""

    picture: np.ndarray
    texts: list
    correct: list


def contact_sheet(path, text_queries, image_queries, title=""):
    """Draws found pictures beside each text (left) and found texts beside each picture (right), right answers in green.

    Args:
      path: PNG to write.
      text_queries, image_queries: lists of `TextQuery` and of `ImageQuery`; one of them may be empty.
      title: a line above everything.

    Returns:
      `path`.
    """
    cell, gap, query_width, text_width = 1.2, 0.1, 2.1, 4.3  # inches
    found = max((len(query.pictures) for query in text_queries), default=0)
    middle = MARGIN + (query_width + found * (cell + gap) + 0.4 if text_queries else 0)
    width = middle + (cell + 0.35 + text_width if image_queries else -0.4) + MARGIN
    texts = [[wrap(text, text_width, 9, 2) for text in query.texts] for query in image_queries]
    blocks = [sum(height(text, 9) + 0.04 for text in block) for block in texts]
    heights = [
        max(cell, block) + 2 * gap for block in blocks + [0] * (len(text_queries) - len(blocks))
    ]
    page = Page(width, 0.9 + sum(heights) + 0.05)
    page.text(MARGIN, 0.2, wrap(title, 0.85 * width - 2 * MARGIN, 13, 1), size=13, weight="bold")
    if text_queries:
        page.text(MARGIN, 0.55, "Text → pictures", size=11, color=GREY)
    if image_queries:
        page.text(middle, 0.55, "Picture → texts", size=11, color=GREY)
    tops = 0.9 + np.cumsum([0, *heights])
    for query, top in zip(text_queries, tops, strict=False):
        text = wrap(query.text, query_width - 0.2, 10, 6)
        page.text(MARGIN, top + (cell - height(text, 10)) / 2, text, size=10)
        for column, (picture, right) in enumerate(zip(query.pictures, query.correct, strict=True)):
            page.picture(
                MARGIN + query_width + column * (cell + gap),
                top,
                cell,
                picture,
                GREEN if right else None,
            )
    for query, block, top in zip(image_queries, texts, tops, strict=False):
        page.picture(middle, top, cell, query.picture)
        for text, right in zip(block, query.correct, strict=True):
            page.text(
                middle + cell + 0.15,
                top,
                "✓" if right else "–",
                size=9,
                color=GREEN if right else GREY,
            )
            page.text(middle + cell + 0.35, top, text, size=9, color=GREEN if right else INK)
            top += height(text, 9) + 0.04
    return page.save(path)


def grid(path, columns, title=""):
    """Draws pictures side by side: one row an example, one column a stage, such as before, after and back again.

    Args:
      path: PNG to write.
      columns: {heading: uint8 pictures [N, H, W, 3]}, N the same for all; sizes may differ.
      title: a line above everything.

    Returns:
      `path`.
    """
    rows = min(map(len, columns.values()))
    cell, gap = (
        min(2.4, max(1.2, max(len(pictures[0]) for pictures in columns.values()) / DPI)),
        0.08,
    )
    width = max(4.0, len(columns) * (cell + gap) - gap)
    title = wrap(title, width * 0.88, 13, 3)  # bold is wider than what is measured
    start = 0.55 + (height(title, 13) + 0.1 if title else 0)
    page = Page(width + 2 * MARGIN, start + rows * (cell + gap) + MARGIN - gap)
    page.text(MARGIN, 0.2, title, size=13, weight="bold")
    for column, (heading, pictures) in enumerate(columns.items()):
        left = MARGIN + column * (cell + gap)
        page.text(left, start - 0.27, wrap(heading, cell, 10, 1), size=10, color=GREY)
        for row in range(rows):
            page.picture(left, start + row * (cell + gap), cell, pictures[row])
    return page.save(path)


def feature_maps(path, pictures, activations, title=""):
    """Draws where the branches of a network fire (thesis, figure 2.1): the mean over channels of each picture's maps.

    Args:
      path: PNG to write.
      pictures: uint8 [N, H, W, 3].
      activations: {branch: float [N, h, w, K]}; brightest is each map's own maximum.
      title: a line above everything.

    Returns:
      `path`.
    """
    return grid(
        path,
        {"picture": pictures, **{name: _heat(maps.mean(-1)) for name, maps in activations.items()}},
        title,
    )


def _heat(maps):
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    return matplotlib.colormaps["inferno"](
        (maps - low) / np.maximum(high - low, 1e-12), bytes=True
    )[..., :3]


def confusion_matrix(path, confusion, classes, title=""):
    """Draws how often the class of a row was taken for the class of a column, in percent of the row.

    Args:
      path: PNG to write.
      confusion: float [C, C] counts.
      classes: C names.
      title: a line above everything.

    Returns:
      `path`.
    """
    percent = 100 * np.asarray(confusion) / np.maximum(np.sum(confusion, axis=1, keepdims=True), 1)
    side = min(8.0, max(4.0, 1.8 + 0.48 * len(classes)))
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(side + 0.9, side), dpi=DPI, layout="constrained")
        axes = figure.add_subplot(xlabel="predicted", ylabel="true")
        axes.set_title(printable(title), weight="bold", parse_math=False)
        shown = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
        figure.colorbar(
            shown, ax=axes, label="% of the true class", shrink=0.8, aspect=30
        ).outline.set_visible(False)
        if len(classes) <= 40:
            names = [printable(name) for name in classes]
            axes.set_xticks(
                range(len(classes)),
                names,
                rotation=45,
                ha="right",
                rotation_mode="anchor",
                parse_math=False,
            )
            axes.set_yticks(range(len(classes)), names, parse_math=False)
        if len(classes) <= 20:
            for (row, column), value in np.ndenumerate(percent):
                if value >= 0.5:
                    colour = "white" if value > 55 else INK
                    axes.text(
                        column, row, f"{value:.0f}", ha="center", va="center", size=8, color=colour
                    )
        return save(figure, path)


def branch_weights(path, weights, title=""):
    """Draws how the weight of each fused branch develops in training (thesis, figure 2.8): mean and deviation.

    Args:
      path: PNG to write.
      weights: {branch: [(step, mean weight, standard deviation), …]}, steps ascending.
      title: a line above everything.

    Returns:
      `path`.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2), dpi=DPI, layout="constrained")
        axes = figure.add_subplot(xlabel="step", ylabel="mean weight")
        axes.set_title(printable(title), weight="bold", loc="left", parse_math=False)
        for (branch, points), colour in zip(weights.items(), COLOURS, strict=False):
            steps, mean, deviation = np.array(points, float).T
            axes.plot(steps, mean, color=colour, lw=1.8, marker="o", ms=3, label=printable(branch))
            axes.fill_between(
                steps, mean - deviation, mean + deviation, color=colour, alpha=0.12, lw=0
            )
        axes.legend()
        return save(figure, path)


def curves(run_dir):
    """Draws everything that `<run_dir>/log.jsonl` holds against the step: a panel for each loss, rate and metric.

    Metrics of an evaluation such as `val/i2t/R@1` and `val/t2i/R@1` share a panel; dashed lines divide stages.

    Returns:
      pathlib.Path of `<run_dir>/curves.png`.

    Raises:
      UserError: there is no log, or nothing in it.
    """
    series, stages = _read_log(pathlib.Path(run_dir))
    panels = {}
    for name in series:
        parts = name.split("/")
        panel, label = (
            (f"{parts[0]} {parts[-1]}", " ".join(parts[1:-1]))
            if len(parts) > 2
            else (" ".join(parts), "")
        )
        panels.setdefault(panel, {})[label] = series[name]
    last = max(max(points) for points in series.values())
    across = min(4, int(np.ceil(np.sqrt(len(panels)))))
    down = int(np.ceil(len(panels) / across))
    wide, tall = 3.5 * across + 0.3, 2.5 * down + 0.3
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(wide, tall), dpi=DPI)
        figure.subplots_adjust(
            0.6 / wide, 0.5 / tall, 1 - 0.15 / wide, 1 - 0.35 / tall, wspace=0.25, hspace=0.35
        )
        for place, (panel, lines) in enumerate(panels.items()):
            axes = figure.add_subplot(down, across, place + 1)
            _draw_panel(axes, panel, lines, stages)
            axes.set_xlim(0, last * 1.02)
            if place + across >= len(panels):
                axes.set_xlabel("step")
        return save(figure, pathlib.Path(run_dir) / "curves.png")


def _draw_panel(axes, panel, lines, stages):
    axes.set_title(printable(panel), loc="left", parse_math=False)
    for (label, points), colour in zip(lines.items(), COLOURS * len(lines), strict=False):
        steps, values = np.array(sorted(points.items()), float).T
        if len(steps) < 40 or panel.startswith("learning_rate"):
            axes.plot(
                steps,
                values,
                color=colour,
                lw=1.6,
                marker="o" if len(steps) < 40 else "",
                ms=3,
                label=label,
            )
        else:
            axes.plot(steps, values, color=colour, lw=0.7, alpha=0.35)
            axes.plot(steps, _smooth(values), color=colour, lw=1.8, label=label)
    if panel == "learning_rate" and min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.margins(y=0.12)
    for name, step in stages if len(stages) > 1 else ():
        place = axes.get_xaxis_transform()
        axes.axvline(step, color=GREY, lw=0.8, ls="--" if step > stages[0][1] else "none")
        axes.text(
            step,
            0.99,
            f" {printable(name)}",
            transform=place,
            size=7,
            color=GREY,
            va="top",
            parse_math=False,
        )
    if any(lines):
        axes.legend(fontsize=8)


def _smooth(values):
    """Mean over a centred window of a twentieth of the points, shorter at the ends."""
    half = max(1, len(values) // 40)
    total = np.concatenate([[0.0], np.cumsum(values)])
    left, right = (
        np.maximum(np.arange(len(values)) - half, 0),
        np.minimum(np.arange(len(values)) + half + 1, len(values)),
    )
    return (total[right] - total[left]) / (right - left)


def _read_log(run_dir):
    """({name: {step: value}}, [(stage, first step)]) of a run's log; a step logged twice counts as the later one."""
    path = run_dir / log.FILE
    if not path.exists():
        raise UserError(f"{path}: there is no training log; train the run first")
    series, stages = {}, {}
    for record in log.read(run_dir):
        if record.get("stage"):
            stages.setdefault(record["stage"], record["step"])
        for name, value in record.items():
            if name not in ("step", "epoch", "stage", "time"):
                series.setdefault(name, {})[record["step"]] = value
    if not series:
        raise UserError(
            f"{path}: the training log is empty; train the run for at least --log_every steps"
        )
    return series, list(stages.items())
