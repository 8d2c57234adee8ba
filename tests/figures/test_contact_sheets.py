import numpy as np

from tests.figures.drawn import green, noise, pixels
from tfvse.figures import contact_sheets


def sheet(path, correct):
    return contact_sheets.contact_sheet(
        path,
        [
            contact_sheets.TextQuery(
                "🫠 a $very$ long text " * 9, list(noise(3)), [correct, False, False]
            )
        ],
        [contact_sheets.ImageQuery(noise(1)[0], ["short", "another text " * 20], [False, correct])]
        * 2,
        "title",
    )


def test_contact_sheet_marks_the_right_answers(tmp_path):
    assert green(sheet(tmp_path / "none.png", False)) == 0
    assert green(sheet(tmp_path / "some.png", True)) > 200


def test_contact_sheet_of_one_direction(tmp_path):
    text, image = (
        contact_sheets.TextQuery("a dog", list(noise(5)), [False] * 5),
        contact_sheets.ImageQuery(noise(1)[0], ["x"], [True]),
    )
    left = pixels(contact_sheets.contact_sheet(tmp_path / "left.png", [text], []))
    right = pixels(contact_sheets.contact_sheet(tmp_path / "right.png", [], [image]))
    both = pixels(contact_sheets.contact_sheet(tmp_path / "both.png", [text], [image]))
    assert left.shape[1] < both.shape[1] > right.shape[1]
    np.testing.assert_array_equal(left[100:, :500], both[100:, :500])


def test_grid_grows_with_rows_and_columns(tmp_path):
    small = pixels(contact_sheets.grid(tmp_path / "a.png", {"a": noise(1, 32), "b": noise(1, 16)}))
    large = pixels(
        contact_sheets.grid(tmp_path / "b.png", dict.fromkeys("abcdef", noise(3, 32)), "title")
    )
    assert large.shape[0] > small.shape[0] and large.shape[1] > small.shape[1]
