import json

import numpy as np
import pytest
from PIL import Image

from tfvse.errors import UserError
from tfvse.evaluation import pictures
from tfvse.evaluation.page import GREEN


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def green(path):
    """The number of pixels in the colour of right answers."""
    return np.sum(np.all(pixels(path) == [int(GREEN[i : i + 2], 16) for i in (1, 3, 5)], axis=-1))


def noise(count, size=8):
    return np.random.default_rng(0).integers(0, 255, (count, size, size, 3), np.uint8)


def sheet(path, correct):
    return pictures.contact_sheet(
        path,
        [pictures.TextQuery("🫠 a $very$ long text " * 9, list(noise(3)), [correct, False, False])],
        [pictures.ImageQuery(noise(1)[0], ["short", "another text " * 20], [False, correct])] * 2,
        "title",
    )


def test_contact_sheet_marks_the_right_answers(tmp_path):
    assert green(sheet(tmp_path / "none.png", False)) == 0
    assert green(sheet(tmp_path / "some.png", True)) > 200


def test_contact_sheet_of_one_direction(tmp_path):
    text, image = (
        pictures.TextQuery("a dog", list(noise(5)), [False] * 5),
        pictures.ImageQuery(noise(1)[0], ["x"], [True]),
    )
    left = pixels(pictures.contact_sheet(tmp_path / "left.png", [text], []))
    right = pixels(pictures.contact_sheet(tmp_path / "right.png", [], [image]))
    both = pixels(pictures.contact_sheet(tmp_path / "both.png", [text], [image]))
    assert left.shape[1] < both.shape[1] > right.shape[1]
    np.testing.assert_array_equal(left[100:, :500], both[100:, :500])


def test_grid_grows_with_rows_and_columns(tmp_path):
    small = pixels(pictures.grid(tmp_path / "a.png", {"a": noise(1, 32), "b": noise(1, 16)}))
    large = pixels(
        pictures.grid(tmp_path / "b.png", dict.fromkeys("abcdef", noise(3, 32)), "title")
    )
    assert large.shape[0] > small.shape[0] and large.shape[1] > small.shape[1]


def test_feature_maps(tmp_path):
    maps = np.zeros((2, 4, 4, 3), np.float32)
    maps[:, 1, 2] = 5
    shown = pixels(
        pictures.feature_maps(tmp_path / "maps.png", noise(2), {"branch 1": maps, "flat": maps * 0})
    )
    brightest = np.all(
        np.abs(shown - np.array([252, 255, 164])) <= 3, axis=-1
    )  # the top of the colour scale
    assert brightest.sum() > 100


@pytest.mark.parametrize("classes", [3, 100])
def test_confusion_matrix(tmp_path, classes):
    names = [f"class {i}" for i in range(classes)]
    confusion = np.eye(classes) * 9
    confusion[0] = 0  # a class without examples
    assert (
        pixels(pictures.confusion_matrix(tmp_path / "c.png", confusion, names, "title")).std() > 0
    )


def test_branch_weights(tmp_path):
    weights = {"side 1": [(0, 0.3, 0.0), (10, 0.2, 0.1)], "side 2": [(0, 0.3, 0.0), (10, 0.5, 0.1)]}
    assert pixels(pictures.branch_weights(tmp_path / "w.png", weights, "title")).std() > 0


def write_log(folder, records):
    lines = [json.dumps({"epoch": 0, "stage": "main", "time": 0, **record}) for record in records]
    (folder / "log.jsonl").write_text(
        "\n".join(lines) + "\n" + '{"step": 4, "lo'
    )  # cut short by a kill
    return folder


def test_curves_draw_losses_metrics_and_stages(tmp_path):
    records = [
        {"step": s, "loss": 1 / s, "learning_rate": 0.1**s, "stage": f"stage {s // 50}"}
        for s in range(1, 99)
    ]
    records += [
        {"step": s, "stage": "", "val/i2t/R@1": s, "val/t2i/R@1": s / 2, "val/rsum": s}
        for s in (40, 80)
    ]
    path = pictures.curves(write_log(tmp_path, records))
    assert path == tmp_path / "curves.png" and pixels(path).std() > 0


def test_log_keeps_the_later_of_two_records_of_a_step(tmp_path):
    series, stages = pictures._read_log(
        write_log(
            tmp_path, [{"step": 1, "loss": 5}, {"step": 2, "loss": 4}, {"step": 2, "loss": 3}]
        )
    )
    assert series == {"loss": {1: 5, 2: 3}} and stages == [("main", 1)]


def test_smoothing_leaves_a_line_alone_and_calms_noise():
    line, noisy = np.full(100, 2.5), np.random.default_rng(0).standard_normal(400)
    np.testing.assert_allclose(pictures._smooth(line), line)
    assert pictures._smooth(noisy).std() < noisy.std() / 3


def test_curves_without_a_log_say_so(tmp_path):
    with pytest.raises(UserError, match="no training log"):
        pictures.curves(tmp_path)
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(UserError, match="empty"):
        pictures.curves(tmp_path)
