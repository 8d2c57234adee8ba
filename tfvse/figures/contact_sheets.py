"""Contact sheets of retrieval, and grids of images such as before, after and back again."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfvse.figures.page import MARGIN, Page, height, wrap
from tfvse.figures.style import DPI, GREEN, GREY, INK
from tfvse.typing import PathLike

_CELL = 1.2  # inches: side of an image
_GAP = 0.1
_TOP = 0.9  # where the first row begins
_QUERY_WIDTH = 2.1  # of a query text
_ANSWER_WIDTH = 4.3  # of the texts found for an image
_BETWEEN = 0.4  # the two halves


# uint8 [H, W, 3] each, or one array of them.
Images = Sequence[np.ndarray] | np.ndarray


class TextQuery(NamedTuple):
    """A text and the images found for it, best first.

    Attributes:
      text: the query.
      images: list of uint8 [H, W, 3].
      correct: list of bool, whether each is right.
    """

    text: str
    images: Sequence[np.ndarray]
    correct: Sequence[bool]


class ImageQuery(NamedTuple):
    """An image and the texts found for it, best first.

    Attributes:
      image: uint8 [H, W, 3], the query.
      texts: list of str.
      correct: list of bool, whether each is right.
    """

    image: np.ndarray
    texts: Sequence[str]
    correct: Sequence[bool]


def contact_sheet(
    path: PathLike,
    text_queries: Sequence[TextQuery],
    image_queries: Sequence[ImageQuery],
    title: str = "",
) -> pathlib.Path:
    """Draws images found for texts (left) and texts found for images (right), right answers green.

    Args:
      path: PNG to write.
      text_queries, image_queries: one of them may be empty.
      title: a line above everything.

    Returns:
      `path`.
    """
    middle = MARGIN + _left_width(text_queries)
    width = middle - _BETWEEN + MARGIN
    if image_queries:
        width = middle + _CELL + 0.35 + _ANSWER_WIDTH + MARGIN
    answers = [_wrapped_answers(query) for query in image_queries]
    heights = _row_heights(answers, max(len(text_queries), len(image_queries)))
    tops = _TOP + np.cumsum([0, *heights])

    page = Page(width, _TOP + sum(heights) + 0.05)
    page.text(
        MARGIN,
        0.2,
        wrap(title, 0.85 * width - 2 * MARGIN, 13, 1),
        size=13,
        weight="bold",
    )
    if text_queries:
        page.text(
            MARGIN,
            0.55,
            "Text → images",
            size=11,
            color=GREY,
        )
    if image_queries:
        page.text(
            middle,
            0.55,
            "Image → texts",
            size=11,
            color=GREY,
        )
    for text_query, top in zip(text_queries, tops, strict=False):
        _draw_text_query(page, text_query, top)
    for image_query, texts, top in zip(image_queries, answers, tops, strict=False):
        _draw_image_query(page, image_query, texts, middle, top)
    return page.save(path)


def _left_width(text_queries: Sequence[TextQuery]) -> float:
    """Width in inches of the half with text queries, 0 without any."""
    if not text_queries:
        return 0
    found = max(len(query.images) for query in text_queries)
    return _QUERY_WIDTH + found * (_CELL + _GAP) + _BETWEEN


def _wrapped_answers(query: ImageQuery) -> list[str]:
    """The texts found for an image, wrapped."""
    return [wrap(text, _ANSWER_WIDTH, 9, 2) for text in query.texts]


def _answer_height(text: str) -> float:
    """Height in inches of a wrapped answer and the gap below it."""
    return height(text, 9) + 0.04


def _row_heights(
    answers: Sequence[Sequence[str]],
    rows: int,
) -> list[float]:
    """Inches of each row: the image's side, or more where many texts stand beside it."""
    blocks: list[float] = [sum(map(_answer_height, texts)) for texts in answers]
    blocks += [0] * (rows - len(blocks))
    return [max(_CELL, block) + 2 * _GAP for block in blocks]


def _draw_text_query(
    page: Page,
    query: TextQuery,
    top: float,
) -> None:
    """Draws a text and the images found for it."""
    text = wrap(query.text, _QUERY_WIDTH - 0.2, 10, 6)
    page.text(MARGIN, top + (_CELL - height(text, 10)) / 2, text, size=10)
    for column, (image, right) in enumerate(zip(query.images, query.correct, strict=True)):
        left = MARGIN + _QUERY_WIDTH + column * (_CELL + _GAP)
        page.image(left, top, _CELL, image, GREEN if right else None)


def _draw_image_query(
    page: Page,
    query: ImageQuery,
    texts: Sequence[str],
    left: float,
    top: float,
) -> None:
    """Draws an image and, wrapped, the `texts` found for it."""
    page.image(left, top, _CELL, query.image)
    for text, right in zip(texts, query.correct, strict=True):
        mark = "✓" if right else "–"
        page.text(
            left + _CELL + 0.15,
            top,
            mark,
            size=9,
            color=GREEN if right else GREY,
        )
        page.text(
            left + _CELL + 0.35,
            top,
            text,
            size=9,
            color=GREEN if right else INK,
        )
        top += _answer_height(text)


def grid(
    path: PathLike,
    columns: Mapping[str, Images],
    title: str = "",
) -> pathlib.Path:
    """Draws images side by side: one row an example, one column a stage, such as before and after.

    Args:
      path: PNG to write.
      columns: heading → uint8 images [N, H, W, 3], N the same for all; sizes may differ.
      title: a line above everything.

    Returns:
      `path`.
    """
    gap = 0.08
    rows = min(map(len, columns.values()))
    tallest = max(len(images[0]) for images in columns.values())
    cell = min(2.4, max(1.2, tallest / DPI))
    width = max(4.0, len(columns) * (cell + gap) - gap)
    title = wrap(title, width * 0.88, 13, 3)  # bold is wider than what is measured
    start = 0.55
    if title:
        start += height(title, 13) + 0.1

    page = Page(width + 2 * MARGIN, start + rows * (cell + gap) + MARGIN - gap)
    page.text(
        MARGIN,
        0.2,
        title,
        size=13,
        weight="bold",
    )
    for column, (heading, images) in enumerate(columns.items()):
        left = MARGIN + column * (cell + gap)
        page.text(
            left,
            start - 0.27,
            wrap(heading, cell, 10, 1),
            size=10,
            color=GREY,
        )
        for row in range(rows):
            page.image(left, start + row * (cell + gap), cell, images[row])
    return page.save(path)
