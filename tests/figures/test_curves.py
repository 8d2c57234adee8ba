import json

import numpy as np
import pytest

from tests.figures.drawn import pixels
from tfvse.errors import UserError
from tfvse.figures import curves


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
    path = curves.curves(write_log(tmp_path, records))
    assert path == tmp_path / "curves.png" and pixels(path).std() > 0


def test_log_keeps_the_later_of_two_records_of_a_step(tmp_path):
    series, stages = curves.read_log(
        write_log(
            tmp_path, [{"step": 1, "loss": 5}, {"step": 2, "loss": 4}, {"step": 2, "loss": 3}]
        )
    )
    assert series == {"loss": {1: 5, 2: 3}} and stages == [("main", 1)]


def test_smoothing_leaves_a_line_alone_and_calms_noise():
    line, noisy = np.full(100, 2.5), np.random.default_rng(0).standard_normal(400)
    np.testing.assert_allclose(curves.smoothed(line), line)
    assert curves.smoothed(noisy).std() < noisy.std() / 3


def test_curves_without_a_log_say_so(tmp_path):
    with pytest.raises(UserError, match="no training log"):
        curves.curves(tmp_path)
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(UserError, match="empty"):
        curves.curves(tmp_path)
