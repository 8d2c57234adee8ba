"""tools/evaluate.py on a folder of edge maps."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.data.formats.test_boundaries import write_annotations
from tfvse.commands import evaluate
from tfvse.errors import UserError


@pytest.fixture
def folders(tmp_path):
    """Flags for two images, each with a line and an edge map that shows it."""
    for folder in ("maps", "truth"):
        (tmp_path / folder).mkdir()
    line = np.zeros((20, 30), np.uint8)
    line[9, 4:-4] = 1
    for name, drawn in (("a", line), ("b", line[::-1])):
        Image.fromarray(drawn * 200).save(tmp_path / "maps" / f"{name}.png")
        write_annotations(tmp_path / "truth" / f"{name}.mat", [drawn])
    return [
        f"--edge_maps={tmp_path}/maps",
        f"--annotations={tmp_path}/truth",
        f"--output={tmp_path}/out",
    ]


def test_report_and_figures_of_a_folder(folders, tmp_path, capsys):
    evaluate.main([*folders, "--thresholds=9", "--ceval"])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (
        report["metrics"]["ODS"] == report["metrics"]["CEval/OIS"] == 1
        and report["system"] == "maps"
    )
    assert report["protocol"]["nms"] == "none"
    assert (tmp_path / "out" / "precision_recall.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "contact_sheet.png").stat().st_size > 1_000
    assert "ODS" in capsys.readouterr().out


def test_nothing_is_written_for_bad_maps(folders, tmp_path):
    Image.fromarray(np.zeros((30, 20), np.uint8)).save(tmp_path / "maps" / "b.png")
    with pytest.raises(
        UserError, match="b: the edge map is 20 x 30 pixels and its annotation 30 x 20"
    ):
        evaluate.main(folders)
    assert not (tmp_path / "out").exists()


def test_both_folders_are_asked_for():
    with pytest.raises(UserError, match="--annotations: missing"):
        evaluate.main(["--edge_maps=somewhere"])
