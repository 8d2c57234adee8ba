"""Tiny data sets of coloured shapes, drawn in seconds, for smoke runs and tests: learnable, and proof of nothing."""

import functools
import itertools

import numpy as np

from tfvse.data import verification
from tfvse.data.formats import images
from tfvse.data.kinds import captioned, classification, edges, segmentation, translation

COLOURS = {
    "red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (235, 205, 50),
    "purple": (150, 60, 190), "orange": (240, 140, 40), "black": (20, 20, 20), "cyan": (60, 200, 210),
}  # fmt: skip
SHAPES = ("circle", "square", "diamond", "cross", "ring", "stripe")
PLACES = {
    "left": (0.5, 0.3),
    "middle": (0.5, 0.5),
    "right": (0.5, 0.7),
    "top": (0.3, 0.5),
    "bottom": (0.7, 0.5),
}
SOURCE = {"licence": "None: drawn by this package.", "source": "drawn by tfvse.data.sets.synthetic"}


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
    inside = mask(shape, place, size)
    pixels = np.where(inside[..., None], np.array(colour, float), float(background))
    return np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


def mask(shape, place, size):
    """bool [size, size], the pixels of a shape; arguments as of `draw`."""
    rows, columns = np.mgrid[:size, :size] / size
    y, x = rows - place[0], columns - place[1]
    radius = 0.22
    distance = np.hypot(y, x)
    return {
        "circle": distance < radius,
        "square": np.maximum(abs(y), abs(x)) < radius * 0.9,
        "diamond": abs(y) + abs(x) < radius * 1.2,
        "cross": (np.minimum(abs(y), abs(x)) < radius * 0.35)
        & (np.maximum(abs(y), abs(x)) < radius),
        "ring": (distance < radius) & (distance > radius * 0.55),
        "stripe": abs(y) < radius * 0.4,
    }[shape]


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
    return {
        **SOURCE,
        **captioned.write(folder, splits, verification.Findings(flags.skip_bad), SHAPES),
    }


def prepare_classification(flags, folder):
    """Six shapes in any colour and place, 32 x 32: 600 / 120 / 120 pictures."""
    rng = np.random.default_rng(flags.seed)
    splits = {}
    for split, count in {"train": 600, "val": 120, "test": 120}.items():
        labels = rng.permutation(np.arange(count) % len(SHAPES))
        splits[split] = np.stack([_any_picture(SHAPES[label], 32, rng) for label in labels]), labels
    return {
        **SOURCE,
        **classification.write(folder, splits, SHAPES, verification.Findings(flags.skip_bad)),
    }


def prepare_edges(flags, folder):
    """Shapes on 64 x 64 and their outlines, by two annotators of whom one misses a shape; 30 / 6 / 6."""
    rng = np.random.default_rng(flags.seed)
    splits = {}
    for split, count in {"train": 30, "val": 6, "test": 6}.items():
        scenes = [_scene(rng, 64) for _ in range(count)]
        splits[split] = [
            edges.EdgePicture(
                f"{split}-{i:03d}", images.encode_png(picture), functools.partial(_outlines, labels)
            )
            for i, (picture, labels) in enumerate(scenes)
        ]
    return {**SOURCE, **edges.write(folder, splits, verification.Findings(flags.skip_bad))}


def _scene(rng, size):
    """One to three shapes: (uint8 [size, size, 3], their numbers uint8 [size, size], 0 the ground)."""
    picture, labels = np.full((size, size, 3), 245, np.uint8), np.zeros((size, size), np.uint8)
    places = rng.permutation(list(PLACES.values()))[: rng.integers(1, 4)]
    for number, place in enumerate(places, start=1):
        shape, colour = rng.choice(SHAPES), list(COLOURS.values())[rng.integers(len(COLOURS))]
        drawn, inside = draw(shape, colour, place, size, rng), mask(shape, place, size)
        picture, labels = (
            np.where(inside[..., None], drawn, picture),
            np.where(inside, number, labels),
        )
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
            a.append(
                translation.Picture(name, images.encode_png(draw(shape, colour, place, 64, rng)))
            )
            b.append(
                translation.Picture(
                    name, images.encode_png(draw(shape, (30, 30, 30), place, 64, rng, 160))
                )
            )
        splits[split] = a, b
    return {
        **SOURCE,
        **translation.write(folder, splits, True, verification.Findings(flags.skip_bad)),
    }


def prepare_segmentation(flags, folder):
    """A shape on its ground, 56 high and 44 to 56 wide, the last column of its outline void; 60 / 12 / 12 pictures."""
    rng = np.random.default_rng(flags.seed)
    classes = ("ground", *SHAPES)
    colours = [(245, 245, 245), *itertools.islice(COLOURS.values(), len(SHAPES))]
    splits = {}
    for split, count in {"train": 60, "val": 12, "test": 12}.items():
        splits[split] = [
            _labelled_picture(f"{split}-{i:03d}", i % len(SHAPES), rng) for i in range(count)
        ]
    findings = verification.Findings(flags.skip_bad)
    return {**SOURCE, **segmentation.write(folder, splits, classes, colours, findings)}


def _labelled_picture(name, shape, rng):
    place, width = rng.uniform(0.35, 0.65, 2), rng.integers(44, 57)
    colour = list(COLOURS.values())[rng.integers(len(COLOURS))]
    inside = mask(SHAPES[shape], place, 56)
    labels = np.where(inside, shape + 1, 0).astype(np.uint8)
    labels[inside & ~np.roll(inside, -1, axis=1)] = segmentation.VOID
    files = (
        images.encode_png(pixels[:, :width])
        for pixels in (draw(SHAPES[shape], colour, place, 56, rng), labels)
    )
    return segmentation.LabelledPixels(name, *files)


def _any_picture(shape, size, rng):
    colour = list(COLOURS.values())[rng.integers(len(COLOURS))]
    return draw(shape, colour, rng.uniform(0.35, 0.65, 2), size, rng)
