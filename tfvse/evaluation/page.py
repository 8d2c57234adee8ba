"""A page on which text and pictures are placed in inches: measured, wrapped, and safe for any Unicode text."""

import functools
import unicodedata

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tfvse.files import atomic_write

DPI = 110
FONT = "DejaVu Sans"  # comes with Matplotlib, so it is on every machine
GREEN, INK, GREY, PALE = "#1a8a3a", "#222222", "#8a8a8a", "#d9d9d9"


class Page:
    """A white page; places are inches from its top left corner."""

    def __init__(self, width, height):
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        self.axes = self.figure.add_axes(
            (0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), autoscale_on=False
        )
        self.axes.set_axis_off()

    def text(self, left, top, text, *, size, color=INK, weight="normal"):
        """Writes `text` line by line, each on its own baseline so that neighbours stand level."""
        for row, line in enumerate(printable(text).split("\n")):
            baseline = top + height("", size) * (row + 0.75)
            style = {"family": FONT, "size": size, "color": color, "weight": weight}
            self.axes.text(left, baseline, line, parse_math=False, **style)

    def picture(self, left, top, side, picture, frame=None):
        """Fits a uint8 [H, W, 3] picture into the middle of a square, with a coloured frame where `frame` is given."""
        tall, wide = (side * length / max(picture.shape[:2]) for length in picture.shape[:2])
        left, top = left + (side - wide) / 2, top + (side - tall) / 2
        self.axes.imshow(
            picture,
            extent=(left, left + wide, top + tall, top),
            aspect="auto",
            interpolation="antialiased",
        )
        self.axes.add_patch(
            Rectangle(
                (left, top),
                wide,
                tall,
                fill=False,
                edgecolor=frame or PALE,
                linewidth=3.5 if frame else 0.6,
            )
        )

    def save(self, path):
        """Writes the page as PNG; returns `path`."""
        return save(self.figure, path)


def save(figure, path):
    """Writes a Matplotlib figure as PNG, atomically; returns `path`."""
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
    return path


def wrap(text, width, size, lines):
    """`text` broken into at most `lines` lines of `width` inches; what does not fit is cut off with an ellipsis."""
    done, line, words = [], "", printable(text).split()
    while words:
        word = words.pop(0)
        longer = f"{line} {word}".strip()
        if _width(longer, size) <= width:
            line = longer
        elif line:
            done, line, words = [*done, line], "", [word, *words]
        else:  # one word wider than the line is broken where the line is full
            fits = max(
                [n for n in range(1, len(word)) if _width(word[:n], size) <= width], default=1
            )
            done.append(word[:fits])
            words[:0] = [word[fits:]] if word[fits:] else []
    done += [line] if line else []
    if len(done) > lines:
        last = done[lines - 1] + "…"
        while len(last) > 1 and _width(last, size) > width:
            last = last[:-2].rstrip() + "…"
        done = [*done[: lines - 1], last]
    return "\n".join(done)


def height(text, size):
    """Height in inches of wrapped text."""
    return 1.32 * size / 72 * (1 + text.count("\n"))


def _width(text, size):
    """Width in inches of one line of text, with a little to spare for hinting."""
    return 1.04 * size * sum(map(_advance, text))


@functools.cache
def _advance(character):
    """Width in inches of a character of one point's size."""
    font = font_manager.get_font(font_manager.findfont(FONT))
    font.set_size(100, 72)
    return font.load_char(ord(character)).linearHoriAdvance / 65536 / 7200


def printable(text):
    """`text` as far as the font has it: symbols without a glyph become their Unicode name, letters a hollow square."""
    glyphs = font_manager.get_font(font_manager.findfont(FONT))
    shown = []
    for character in str(text):
        kind = unicodedata.category(character)
        if character == "\n" or (glyphs.get_char_index(ord(character)) and kind[0] != "C"):
            shown.append(character)
        elif character.isspace():
            shown.append(" ")
        elif kind[0] == "S":
            shown.append(f"[{unicodedata.name(character, 'symbol').lower()}]")
        elif kind[0] not in "CM":
            shown.append("□")
    return "".join(shown)
