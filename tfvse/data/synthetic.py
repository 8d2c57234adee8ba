"""Tiny data sets of coloured shapes, drawn in seconds, for smoke runs and tests: learnable, and proof of nothing."""

import functools
import itertools

import numpy as np

from tfvse.data import captioned, classification, edges, images, translation, verification

COLOURS = {
    "red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (235, 205, 50),
    "purple": (150, 60, 190), "orange": (240, 140, 40), "black": (20, 20, 20), "cyan": (60, 200, 210),
}  # fmt: skip
SHAPES = ("circle", "square", "diamond", "cross", "ring", "stripe")
PLACES = {"left": (0.5, 0.3), "middle": (0.5, 0.5), "right": (0.5, 0.7), "top": (0.3, 0.5), "bottom": (0.7, 0.5)}
SOURCE = {"licence": "None: drawn by this package.", "source": "drawn by tfvse.data.synthetic"}


def draw(shape, colour, place, size, rng, background=245):
    """One shape on a light, slightly noisy ground.

    Args:
      shape: a name in SHAPES.
      colour: RGB.
      place: (row, column) of the centre, fractions of the size.
      size: height and width.
      rng: numpy Generator.
      background: grey level.

    Returns:
      uint8 [size, size, 3].
    """
    rows, columns = np.mgrid[:size, :size] / size
    y, x = rows - place[0], columns - place[1]
    radius = 0.22
    distance = np.hypot(y, x)
    inside = {
        "circle": distance < radius,
        "square": np.maximum(abs(y), abs(x)) < radius * 0.9,
        "diamond": abs(y) + abs(x) < radius * 1.2,
        "cross": (np.minimum(abs(y), abs(x)) < radius * 0.35) & (np.maximum(abs(y), abs(x)) < radius),
        "ring": (distance < radius) & (distance > radius * 0.55),
        "stripe": abs(y) < radius * 0.4,
    }[shape]
    pixels = np.where(inside[..., None], np.array(colour, float), float(background))
    return np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


def prepare_matching(flags, folder):
    """240 pictures of 64 x 64, every one a different (colour, shape, place), with two to four texts; 160 / 40 / 40.

    The shape is the label.
    """
    rng = np.random.default_rng(flags.seed)
    scenes = list(itertools.product(COLOURS, SHAPES, PLACES))
    pictures = []
    for i in rng.permutation(len(scenes)):
        colour, shape, place = scenes[i]
        picture = images.encode_png(draw(shape, COLOURS[colour], PLACES[place], 64, rng))
        texts = (
            f"a {colour} {shape} at the {place}", f"{place}: {shape} in {colour}", f"a {colour} {shape}", f"the {shape}"
        )  # fmt: skip
        name, label = f"{colour}-{shape}-{place}", (SHAPES.index(shape),)
        pictures.append(captioned.Captioned(name, picture, texts[: rng.integers(2, 5)], label))
    splits = {"train": pictures[:160], "val": pictures[160:200], "test": pictures[200:]}
    return {**SOURCE, **captioned.write(folder, splits, verification.Findings(flags.skip_bad), SHAPES)}


def prepare_classification(flags, folder):
    """Six shapes in any colour and place, 32 x 32: 600 / 120 / 120 pictures."""
    rng = np.random.default_rng(flags.seed)
    splits = {}
    for split, count in {"train": 600, "val": 120, "test": 120}.items():
        labels = rng.permutation(np.arange(count) % len(SHAPES))
        splits[split] = np.stack([_any_picture(SHAPES[label], 32, rng) for label in labels]), labels
    return {**SOURCE, **classification.write(folder, splits, SHAPES, verification.Findings(flags.skip_bad))}


def prepare_edges(flags, folder):
    """Shapes on 64 x 64 and their outlines, by two annotators of whom one misses a shape; 30 / 6 / 6."""
    rng = np.random.default_rng(flags.seed)
    splits = {}
    for split, count in {"train": 30, "val": 6, "test": 6}.items():
        scenes = [_scene(rng, 64) for _ in range(count)]
        splits[split] = [
            edges.EdgePicture(f"{split}-{i:03d}", images.encode_png(picture), functools.partial(_outlines, labels))
            for i, (picture, labels) in enumerate(scenes)
        ]
    return {**SOURCE, **edges.write(folder, splits, verification.Findings(flags.skip_bad))}


def _scene(rng, size):
    """One to three shapes: (uint8 [size, size, 3], their numbers uint8 [size, size], 0 the ground)."""
    picture, labels = np.full((size, size, 3), 245, np.uint8), np.zeros((size, size), np.uint8)
    places = rng.permutation(list(PLACES.values()))[: rng.integers(1, 4)]
    for number, place in enumerate(places, start=1):
        drawn = draw(rng.choice(SHAPES), list(COLOURS.values())[rng.integers(len(COLOURS))], place, size, rng)
        inside = np.abs(drawn.astype(int) - 245).max(axis=-1) > 40
        picture, labels = np.where(inside[..., None], drawn, picture), np.where(inside, number, labels)
    return picture, labels.astype(np.uint8)


def _outlines(labels):
    return [edges.boundaries_of(labels), edges.boundaries_of(labels * (labels != 2))]


def prepare_translation(flags, folder):
    """Paired 64 x 64 pictures: a are coloured shapes, b the same shapes dark on grey; 40 / 10 / 10 pairs."""
    rng = np.random.default_rng(flags.seed)
    splits = {}
    for split, count in {"train": 40, "val": 10, "test": 10}.items():
        a, b = [], []
        for i in range(count):
            shape, place = rng.choice(SHAPES), rng.uniform(0.3, 0.7, 2)
            colour = list(COLOURS.values())[rng.integers(len(COLOURS))]
            name = f"{split}-{i:03d}"
            a.append(translation.Picture(name, images.encode_png(draw(shape, colour, place, 64, rng))))
            b.append(translation.Picture(name, images.encode_png(draw(shape, (30, 30, 30), place, 64, rng, 160))))
        splits[split] = a, b
    return {**SOURCE, **translation.write(folder, splits, True, verification.Findings(flags.skip_bad))}


def _any_picture(shape, size, rng):
    colour = list(COLOURS.values())[rng.integers(len(COLOURS))]
    return draw(shape, colour, rng.uniform(0.35, 0.65, 2), size, rng)
