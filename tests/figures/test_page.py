import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tfvse.figures import page


def test_wrap_keeps_the_words_and_the_width():
    text = "a man in an orange safety suit sprays water on the street"
    lines = page.wrap(text, 1.5, 9, 10).split("\n")
    assert " ".join(lines) == text and len(lines) > 1
    assert all(page._width(line, 9) <= 1.5 for line in lines)


def test_wrap_cuts_with_an_ellipsis():
    lines = page.wrap("word " * 100, 1.0, 9, 2).split("\n")
    assert len(lines) == 2 and lines[1].endswith("…") and page._width(lines[1], 9) <= 1.0


@settings(deadline=None)
@given(st.text(max_size=60), st.floats(0.1, 3), st.integers(1, 4))
def test_wrap_holds_its_bounds_for_any_text(text, width, lines):
    wrapped = page.wrap(text, width, 9, lines).split("\n")
    assert len(wrapped) <= lines
    assert all(page._width(line, 9) <= width or len(line) <= 2 for line in wrapped)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("naïve café", "naïve café"),
        ("melting 🫠!", "melting [melting face]!"),
        ("中文", "□□"),
        ("a\u200db\x07\t", "ab "),
    ],
)
def test_printable(text, shown):
    assert page.printable(text) == shown


@settings(deadline=None)
@given(st.text(max_size=30))
def test_printable_needs_no_glyph_that_the_font_lacks(text):
    assert page.printable(page.printable(text)) == page.printable(text)


def test_image_stands_where_it_was_put(tmp_path):
    # A red image twice as wide as high, in the square from (1, 1) to (2, 2) inches: rows 1.25 to
    # 1.75.
    sheet = page.Page(3, 3)
    sheet.image(1, 1, 1, np.full((10, 20, 3), (255, 0, 0), np.uint8))
    pixels = np.asarray(Image.open(sheet.save(tmp_path / "page.png")).convert("RGB"))
    assert pixels.shape == (330, 330, 3)
    red = np.all(pixels == (255, 0, 0), axis=-1)
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    np.testing.assert_allclose(
        [rows[0], rows[-1], columns[0], columns[-1]], [137, 193, 110, 220], atol=3
    )


def test_dollars_are_no_formula(tmp_path):
    sheet = page.Page(2, 1)
    sheet.text(0.1, 0.1, "costs $5 or $\\frac{$", size=10)
    assert sheet.save(tmp_path / "page.png").stat().st_size > 0
