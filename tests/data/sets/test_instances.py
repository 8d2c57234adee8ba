import pytest

from tests.data import making
from tfvse.errors import UserError


def fill(folder, names):
    folder.mkdir()
    for i, name in enumerate(names):
        (folder / name).write_bytes(making.jpeg(i))


def prepare(name, tmp_path):
    return making.prepare(name, tmp_path / "out", data_dir=tmp_path / "in")


def test_groups_of_holidays_are_the_first_four_digits(tmp_path, read):
    fill(tmp_path / "in", ["100000.jpg", "100001.jpg", "100100.jpg", "100101.jpg", "100102.jpg"])
    found = prepare("holidays", tmp_path)
    assert found["splits"] == {"test": {"examples": 5}} and found["classes"] == ["1000", "1001"]
    assert read(tmp_path / "out", "test/examples", "label") == [0, 0, 1, 1, 1]


def test_a_group_of_holidays_has_a_query(tmp_path):
    fill(tmp_path / "in", ["100000.jpg", "100101.jpg"])
    with pytest.raises(UserError, match="group 1001 has no query, 100100.jpg"):
        prepare("holidays", tmp_path)


def test_groups_of_ukb_are_four_in_a_row(tmp_path, read):
    fill(tmp_path / "in", [f"ukbench{i:05d}.jpg" for i in range(8)])
    assert prepare("ukb", tmp_path)["classes"] == ["0000", "0001"]
    assert read(tmp_path / "out", "test/examples", "label") == [0] * 4 + [1] * 4


@pytest.mark.parametrize("name", ["holidays", "ukb"])
def test_an_image_of_another_name_is_told(name, tmp_path):
    fill(tmp_path / "in", ["mine.jpg"])
    with pytest.raises(UserError, match="mine.jpg: is not named like the images of this set"):
        prepare(name, tmp_path)
    (tmp_path / "in/mine.jpg").unlink()
    with pytest.raises(UserError, match="holds no image"):
        prepare(name, tmp_path)
