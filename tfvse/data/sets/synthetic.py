"""Tiny data sets of coloured shapes, for smoke runs and tests: learnable, and proof of nothing."""

import dataclasses
import functools
import itertools
import pathlib
from typing import Any

import numpy as np

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned, classification, edge_records, segmentation, translation
from tfvse.data.sets.options import SeedOptions, SetOptions

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 80, 220),
    "yellow": (235, 205, 50),
    "purple": (150, 60, 190),
    "orange": (240, 140, 40),
    "black": (20, 20, 20),
    "cyan": (60, 200, 210),
}
SHAPES = ("circle", "square", "diamond", "cross", "ring", "stripe")
PLACES = {
    "left": (0.5, 0.3),
    "middle": (0.5, 0.5),
    "right": (0.5, 0.7),
    "top": (0.3, 0.5),
    "bottom": (0.7, 0.5),
}
SOURCE = {"source": "drawn by tfvse.data.sets.synthetic"}
_RADIUS = 0.22  # of a shape, as a fraction of the image
_DARK = (30, 30, 30)  # the shapes of domain b
_GREY = 160  # their ground


@dataclasses.dataclass(frozen=True)
class Options(SeedOptions, SetOptions):
    """Options of the synthetic data sets."""


def draw(
    shape: str,
    colour: tuple[int, int, int],
    place: Any,
    size: int,
    rng: np.random.Generator,
    background: int = 245,
) -> np.ndarray:
    """One shape on a light, slightly noisy ground.

    Args:
      shape: a name in SHAPES.
      colour: RGB.
      place: (row, column) of the centre, fractions of the size.
      size: height and width.
      rng: draws the noise.
      background: grey level.

    Returns:
      uint8 [size, size, 3].
    """
    inside = mask(shape, place, size)
    pixels = np.where(inside[..., None], np.array(colour, float), float(background))
    return np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


def mask(
    shape: str,
    place: Any,
    size: int,
) -> np.ndarray:
    """The pixels of a shape, bool [size, size]; arguments as of `draw`."""
    rows, columns = np.mgrid[:size, :size] / size
    y = rows - place[0]
    x = columns - place[1]
    distance = np.hypot(y, x)
    longer = np.maximum(abs(y), abs(x))
    shorter = np.minimum(abs(y), abs(x))
    return {
        "circle": distance < _RADIUS,
        "square": longer < _RADIUS * 0.9,
        "diamond": abs(y) + abs(x) < _RADIUS * 1.2,
        "cross": (shorter < _RADIUS * 0.35) & (longer < _RADIUS),
        "ring": (distance < _RADIUS) & (distance > _RADIUS * 0.55),
        "stripe": abs(y) < _RADIUS * 0.4,
    }[shape]


def _any_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """A random RGB of `COLOURS`."""
    return list(COLOURS.values())[rng.integers(len(COLOURS))]


def prepare_matching(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes 240 images of 64 x 64, 160 / 40 / 40, with two to four texts.

    Every image is a different (colour, shape, place). The shape is the label.
    """
    rng = np.random.default_rng(options.seed)
    scenes = list(itertools.product(COLOURS, SHAPES, PLACES))
    entries = []
    for number in rng.permutation(len(scenes)):
        colour, shape, place = scenes[number]
        pixels = draw(shape, COLOURS[colour], PLACES[place], 64, rng)
        texts = (
            f"a {colour} {shape} at the {place}",
            f"{place}: {shape} in {colour}",
            f"a {colour} {shape}",
            f"the {shape}",
        )
        entry = captioned.Captioned(
            f"{colour}-{shape}-{place}",
            images.encode_png(pixels),
            texts[: rng.integers(2, 5)],
            (SHAPES.index(shape),),
        )
        entries.append(entry)
    splits = {"train": entries[:160], "val": entries[160:200], "test": entries[200:]}
    findings = verification.Findings(options.skip_bad)
    return {**SOURCE, **captioned.write(folder, splits, findings, SHAPES)}


def prepare_classification(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes six shapes in any colour and place, 32 x 32: 600 / 120 / 120 images."""
    rng = np.random.default_rng(options.seed)
    splits = {}
    for split, count in {"train": 600, "val": 120, "test": 120}.items():
        labels = rng.permutation(np.arange(count) % len(SHAPES))
        pixels = [_any_image(SHAPES[label], 32, rng) for label in labels]
        splits[split] = (np.stack(pixels), labels)
    findings = verification.Findings(options.skip_bad)
    return {**SOURCE, **classification.write_pixels(folder, splits, SHAPES, findings)}


def _any_image(
    shape: str,
    size: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """A shape in any colour and place: uint8 [size, size, 3]."""
    colour = _any_colour(rng)
    return draw(shape, colour, rng.uniform(0.35, 0.65, 2), size, rng)


def prepare_edges(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes shapes on 64 x 64 and their outlines, 30 / 6 / 6 images.

    There are two annotators, of whom one misses a shape.
    """
    rng = np.random.default_rng(options.seed)
    splits = {}
    for split, count in {"train": 30, "val": 6, "test": 6}.items():
        splits[split] = [_outlined(f"{split}-{number:03d}", rng) for number in range(count)]
    return {**SOURCE, **edge_records.write(folder, splits, verification.Findings(options.skip_bad))}


def _outlined(
    name: str,
    rng: np.random.Generator,
) -> edge_records.EdgeImage:
    """An image of some shapes with their outlines."""
    pixels, labels = _scene(rng, 64)
    outlines = functools.partial(_outlines, labels)
    return edge_records.EdgeImage(name, images.encode_png(pixels), outlines)


def _scene(
    rng: np.random.Generator,
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """One to three shapes: (uint8 [size, size, 3], shapes' numbers uint8 [size, size])."""
    pixels = np.full((size, size, 3), 245, np.uint8)
    labels = np.zeros((size, size), np.uint8)
    places = rng.permutation(list(PLACES.values()))[: rng.integers(1, 4)]
    for number, place in enumerate(places, start=1):
        shape = rng.choice(SHAPES)
        colour = _any_colour(rng)
        drawn = draw(shape, colour, place, size, rng)
        inside = mask(shape, place, size)
        pixels = np.where(inside[..., None], drawn, pixels)
        labels = np.where(inside, number, labels)
    return pixels, labels.astype(np.uint8)


def _outlines(labels: np.ndarray) -> list[np.ndarray]:
    """The drawings of two annotators; the second misses shape 2."""
    return [
        edge_records.boundaries_of(labels),
        edge_records.boundaries_of(labels * (labels != 2)),
    ]


def prepare_translation(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes 40 / 10 / 10 pairs of 64 x 64: a are coloured shapes, b the same dark on grey."""
    rng = np.random.default_rng(options.seed)
    splits = {}
    for split, count in {"train": 40, "val": 10, "test": 10}.items():
        pairs = [_pair(f"{split}-{number:03d}", rng) for number in range(count)]
        splits[split] = ([a for a, _ in pairs], [b for _, b in pairs])
    findings = verification.Findings(options.skip_bad)
    return {**SOURCE, **translation.write(folder, splits, True, findings)}


def _pair(
    name: str,
    rng: np.random.Generator,
) -> tuple[translation.DomainImage, translation.DomainImage]:
    """The same shape in both domains."""
    shape = rng.choice(SHAPES)
    place = rng.uniform(0.3, 0.7, 2)
    coloured = draw(shape, _any_colour(rng), place, 64, rng)
    dark = draw(shape, _DARK, place, 64, rng, _GREY)
    return (
        translation.DomainImage(name, images.encode_png(coloured)),
        translation.DomainImage(name, images.encode_png(dark)),
    )


def prepare_segmentation(
    options: Options,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Writes shapes on their ground, 56 high and 44 to 56 wide, 60 / 12 / 12 images.

    The last column of an outline is void.
    """
    rng = np.random.default_rng(options.seed)
    classes = ("ground", *SHAPES)
    colours = [(245, 245, 245), *itertools.islice(COLOURS.values(), len(SHAPES))]
    splits = {}
    for split, count in {"train": 60, "val": 12, "test": 12}.items():
        entries = []
        for number in range(count):
            entries.append(_labelled(f"{split}-{number:03d}", number % len(SHAPES), rng))
        splits[split] = entries
    findings = verification.Findings(options.skip_bad)
    return {**SOURCE, **segmentation.write(folder, splits, classes, colours, findings)}


def _labelled(
    name: str,
    shape: int,
    rng: np.random.Generator,
) -> segmentation.LabelledPixels:
    """A shape on its ground, with its label map."""
    place = rng.uniform(0.35, 0.65, 2)
    width = rng.integers(44, 57)
    colour = _any_colour(rng)
    inside = mask(SHAPES[shape], place, 56)
    labels = np.where(inside, shape + 1, 0).astype(np.uint8)
    labels[inside & ~np.roll(inside, -1, axis=1)] = segmentation.VOID
    pixels = draw(SHAPES[shape], colour, place, 56, rng)
    return segmentation.LabelledPixels(
        name,
        images.encode_png(pixels[:, :width]),
        images.encode_png(labels[:, :width]),
    )
