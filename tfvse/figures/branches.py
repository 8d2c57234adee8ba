"""How a fusion network works: the strongest maps of its branches, and the weights it gives them.

Figures 2.1 and 2.8 of Y. Liu's thesis.
"""

import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tfvse.figures.contact_sheets import Images, grid
from tfvse.figures.page import printable
from tfvse.figures.style import COLOURS, DPI, STYLE, save, set_title
from tfvse.training import log
from tfvse.typing import PathLike


def first_of_classes(
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    count: int,
) -> np.ndarray:
    """The first image of each of the first `count` classes that come up.

    Args:
      batches: (images float32 [B, H, W, 3], labels int [B]) each.
      count: at most this many.

    Returns:
      float32 [n, H, W, 3], n = count or the number of classes.
    """
    found: dict[int, np.ndarray] = {}
    for images, labels in batches:
        for image, label in zip(images, labels.tolist(), strict=True):
            found.setdefault(label, image)
        if len(found) >= count:
            break
    return np.stack(list(found.values())[:count])


def strongest_maps(
    maps: Sequence[np.ndarray],
    count: int = 4,
) -> dict[str, np.ndarray]:
    """The maps with the largest spatial mean, image by image (figure 2.1).

    Args:
      maps: for each side branch float32 [N, h, w, K].
      count: maps of each branch.

    Returns:
      "side 1, no. 1" → float32 [N, h, w, 1], and so on, strongest first.
    """
    found = {}
    for side, activations in enumerate(maps, start=1):
        strength = activations.mean((1, 2))
        order = np.argsort(
            -strength,
            axis=1,
            kind="stable",
        )[:, :count]
        chosen = np.take_along_axis(activations, order[:, None, None, :], axis=3)
        for rank in range(count):
            found[f"side {side}, no. {rank + 1}"] = chosen[..., rank : rank + 1]
    return found


def feature_maps(
    path: PathLike,
    images: np.ndarray,
    activations: Mapping[str, np.ndarray],
    title: str = "",
) -> pathlib.Path:
    """Draws where the branches of a network fire: the mean over the channels of each image's maps.

    Args:
      path: PNG to write.
      images: uint8 [N, H, W, 3].
      activations: branch → float [N, h, w, K]; brightest is each map's own maximum.
      title: a line above everything.

    Returns:
      `path`.
    """
    columns: dict[str, Images] = {"image": images}
    for name, maps in activations.items():
        columns[name] = _heat(maps.mean(-1))
    return grid(path, columns, title)


def _heat(maps: np.ndarray) -> np.ndarray:
    """Paints maps, float [N, h, w], each over its own range: uint8 [N, h, w, 3]."""
    low = maps.min(axis=(1, 2), keepdims=True)
    high = maps.max(axis=(1, 2), keepdims=True)
    scaled = (maps - low) / np.maximum(high - low, 1e-12)
    return matplotlib.colormaps["inferno"](scaled, bytes=True)[..., :3]


def logged_branch_weights(run_dir: pathlib.Path) -> dict[str, list[tuple[int, float, float]]]:
    """Reads the weights of the branches from a run's log.

    Returns:
      "side 1" → list of (step, mean weight, standard deviation); {} where the log has none.
    """
    weights: dict[str, list[tuple[int, float, float]]] = {}
    for record in log.read(run_dir):
        _add_points(weights, record)
    return weights


def _add_points(
    weights: dict[str, list[tuple[int, float, float]]],
    record: log.Record,
) -> None:
    """Adds what a record of the log says of each branch to `weights`."""
    for key in record:
        match = re.fullmatch(r"fusion/(.+)/weight", key)
        if match is None:
            continue
        deviation = record.get(f"fusion/{match[1]}/deviation")
        if deviation is not None:
            point = (record["step"], record[key], deviation)
            weights.setdefault(match[1], []).append(point)


def branch_weights(
    path: PathLike,
    weights: Mapping[str, Sequence[tuple[int, float, float]]],
    title: str = "",
) -> pathlib.Path:
    """Draws how the weight of each branch develops in training (figure 2.8): mean and deviation.

    Args:
      path: PNG to write.
      weights: branch → list of (step, mean weight, standard deviation), steps rising.
      title: a line above everything.

    Returns:
      `path`.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(6.4, 4.2),
            dpi=DPI,
            layout="constrained",
        )
        axes = figure.add_subplot(xlabel="step", ylabel="mean weight")
        set_title(axes, printable(title))
        for (branch, points), colour in zip(weights.items(), COLOURS, strict=False):
            steps, mean, deviation = np.array(points, float).T
            axes.plot(
                steps,
                mean,
                color=colour,
                lw=1.8,
                marker="o",
                ms=3,
                label=printable(branch),
            )
            band = (mean - deviation, mean + deviation)
            axes.fill_between(
                steps,
                *band,
                color=colour,
                alpha=0.12,
                lw=0,
            )
        axes.legend()
        return save(figure, path)
