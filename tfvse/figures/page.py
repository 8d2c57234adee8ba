"""A page on which text and images are placed in inches.

Text is measured and wrapped, and any Unicode text is safe.
"""

import functools
import pathlib
import unicodedata

import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tfvse.figures.style import DPI, FONT, INK, PALE, save
from tfvse.typing import PathLike

MARGIN = 0.3  # inches


class Page:
    """A white page; places are inches from its top left corner."""

    def __init__(
        self,
        width: float,
        height: float,
    ) -> None:
        """`width` and `height` are in inches."""
        self.figure = Figure(
            figsize=(width, height),
            dpi=DPI,
            facecolor="white",
        )
        self.axes = self.figure.add_axes(
            (0, 0, 1, 1),
            xlim=(0, width),
            ylim=(height, 0),
            autoscale_on=False,
        )
        self.axes.set_axis_off()

    def text(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float,
        color: str = INK,
        weight: str = "normal",
    ) -> None:
        """Writes `text` line by line, each on its own baseline, so that neighbours stand level."""
        for row, line in enumerate(printable(text).split("\n")):
            baseline = top + height("", size) * (row + 0.75)
            self.axes.text(
                left,
                baseline,
                line,
                parse_math=False,
                family=FONT,
                size=size,
                color=color,
                weight=weight,
            )

    def image(
        self,
        left: float,
        top: float,
        side: float,
        image: np.ndarray,
        frame: str | None = None,
    ) -> None:
        """Fits an image into the middle of a square.

        Args:
          left, top: corner of the square, in inches.
          side: of the square, in inches.
          image: uint8 [H, W, 3].
          frame: colour of a thick frame; None: a thin pale one.
        """
        longest = max(image.shape[:2])
        tall = side * image.shape[0] / longest
        wide = side * image.shape[1] / longest
        left += (side - wide) / 2
        top += (side - tall) / 2
        extent = (left, left + wide, top + tall, top)
        self.axes.imshow(
            image,
            extent=extent,
            aspect="auto",
            interpolation="antialiased",
        )

        width = 3.5 if frame else 0.6
        border = Rectangle(
            (left, top),
            wide,
            tall,
            fill=False,
            edgecolor=frame or PALE,
            linewidth=width,
        )
        self.axes.add_patch(border)

    def save(self, path: PathLike) -> pathlib.Path:
        """Writes the page as PNG; returns its path."""
        return save(self.figure, path)


def wrap(
    text: str,
    width: float,
    size: float,
    lines: int,
) -> str:
    """Breaks `text` into at most `lines` lines of `width` inches; an ellipsis marks a cut."""
    broken = _break_lines(printable(text).split(), width, size)
    if len(broken) <= lines:
        return "\n".join(broken)

    last = broken[lines - 1] + "…"
    while len(last) > 1 and _width(last, size) > width:
        last = last[:-2].rstrip() + "…"
    return "\n".join([*broken[: lines - 1], last])


def _break_lines(
    words: list[str],
    width: float,
    size: float,
) -> list[str]:
    """Lines of at most `width` inches; a word that is wider is broken."""
    done = []
    line = ""
    while words:
        word = words.pop(0)
        longer = f"{line} {word}".strip()
        if _width(longer, size) <= width:
            line = longer
        elif line:
            done.append(line)
            line = ""
            words.insert(0, word)
        else:
            fits = _fitting(word, width, size)
            done.append(word[:fits])
            if word[fits:]:
                words.insert(0, word[fits:])
    if line:
        done.append(line)
    return done


def _fitting(
    word: str,
    width: float,
    size: float,
) -> int:
    """How many characters of `word` fit into a line, at least one."""
    fits = 1
    for count in range(1, len(word)):
        if _width(word[:count], size) <= width:
            fits = count
    return fits


def height(
    text: str,
    size: float,
) -> float:
    """Height in inches of wrapped text of `size` points."""
    return 1.32 * size / 72 * (1 + text.count("\n"))


def _width(
    text: str,
    size: float,
) -> float:
    """Width in inches of one line of text, with a little to spare for hinting."""
    return 1.04 * size * sum(map(_advance, text))


@functools.cache
def _advance(character: str) -> float:
    """Width in inches of a character of one point's size."""
    font = font_manager.get_font(font_manager.findfont(FONT))
    font.set_size(100, 72)
    return font.load_char(ord(character)).linearHoriAdvance / 65536 / 7200


def printable(text: str) -> str:
    """`text` as far as the font has glyphs for it.

    A symbol without a glyph becomes its Unicode name, and a letter becomes a square.
    """
    return "".join(map(_printable_character, str(text)))


@functools.cache
def _printable_character(character: str) -> str:
    """`printable` for one character."""
    kind = unicodedata.category(character)
    font = font_manager.get_font(font_manager.findfont(FONT))
    has_glyph = font.get_char_index(ord(character)) and kind[0] != "C"
    if character == "\n" or has_glyph:
        return character
    if character.isspace():
        return " "
    if kind[0] == "S":
        return f"[{unicodedata.name(character, 'symbol').lower()}]"
    return "" if kind[0] in "CM" else "□"
