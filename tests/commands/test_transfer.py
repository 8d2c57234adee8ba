"""The tool on a run of a few steps: a small network, drawn shapes, and images in folders."""

import json

import numpy as np
import pytest

from tests.conformance import experiments
from tests.data import making
from tfvse.commands import transfer
from tfvse.data.sets import synthetic
from tfvse.errors import UserError


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    experiment = experiments.prepare("cfn", tmp_path_factory.mktemp("data"))
    folder = tmp_path_factory.mktemp("run")
    experiment.trainer(folder).run()
    return folder


def shapes(folder, names):
    """Larger images than the run's, each in the folder or of the name given."""
    generator = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = "circle" if path.parent.name == "a" else "cross"
        path.write_bytes(
            making.png(synthetic.draw(shape, (200, 30, 30), (0.5, 0.5), 50, generator))
        )


def measure(run_dir, data, prepared):
    """The report of the tool."""
    transfer.main([f"--run_dir={run_dir}", f"--data={data}", f"--prepared_dir={prepared}"])
    return json.loads((run_dir / f"transfer-{data}.json").read_text())


def test_folders_of_classes(run_dir, tmp_path, capsys):
    pytest.importorskip("sklearn")
    names = [
        f"{split}/{label}/{number}.png"
        for split in ("train", "test")
        for label in "ab"
        for number in range(6)
    ]
    shapes(tmp_path / "in", names)
    making.prepare("class_folders", tmp_path / "out", data_dir=tmp_path / "in")
    report = measure(run_dir, "class_folders", tmp_path / "out")
    assert (report["system"], report["data_set"], report["step"]) == ("cfn", "class_folders", 3)
    assert (
        report["protocol"]["features"] == "192, scaled to length 1"
        and 0 <= report["metrics"]["accuracy"] <= 100
    )
    assert "accuracy" in capsys.readouterr().out


def test_retrieval(run_dir, tmp_path):
    shapes(tmp_path / "ukb", [f"ukbench{i:05d}.png" for i in range(8)])
    making.prepare("ukb", tmp_path / "a", data_dir=tmp_path / "ukb")
    assert 1 <= measure(run_dir, "ukb", tmp_path / "a")["metrics"]["N-S"] <= 4
    shapes(tmp_path / "holidays", [f"10{i // 3:02d}0{i % 3}.png" for i in range(6)])
    making.prepare("holidays", tmp_path / "b", data_dir=tmp_path / "holidays")
    assert 0 < measure(run_dir, "holidays", tmp_path / "b")["metrics"]["mAP"] <= 100


def test_the_other_data_set_must_be_named(run_dir):
    with pytest.raises(UserError, match="--data: missing"):
        transfer.main([f"--run_dir={run_dir}"])
