import json
import subprocess
import sys

import numpy as np
import pytest

from tfvse.errors import UserError
from tfvse.evaluation import edges
from tfvse.evaluation.report import Report
from tfvse.figures import boundaries
from tfvse.metrics import edges as metrics_lib

FEW = {"thresholds": 9, "bootstrap_samples": 20, "max_distance": 0.03}


def maps(count=4, size=24):
    """(name, soft map, two annotators) of random lines, of which the map shows most."""
    rng, found = np.random.default_rng(0), []
    for number in range(count):
        annotations = [np.zeros((size, size + 8), bool) for _ in range(2)]
        for annotation in annotations:
            annotation[rng.integers(3, size - 3), 3:-3] = True
        noise = rng.random((size, size + 8)) * 0.6
        found.append((f"{number}", np.where(annotations[0], 0.4 + noise, noise * 0.8), annotations))
    return found


def perfect(count=2):
    for name, _, (annotation, _) in maps(count):
        yield name, annotation.astype(np.float32), [annotation]


def test_a_perfect_map():
    result = edges.evaluate(perfect(), nms=False, **FEW)
    assert result.metrics["ODS"] == result.metrics["OIS"] == result.metrics["R50"] == 1
    assert result.intervals["ODS"] == (1, 1)
    assert result.details["curve"]["precision"] == [1] * 9


def test_sums_over_images_and_the_best_of_each():
    counts = [metrics_lib.counts(edges.to_uint8(m), a, 9, 0.03) for _, m, a in maps()]
    result = edges.evaluate(maps(), nms=False, **FEW)
    recall, _, f = metrics_lib.scores(np.sum(counts, axis=0))
    assert result.details["curve"]["recall"] == recall.tolist()
    assert max(f) <= result.metrics["ODS"] <= max(f) + 0.05
    best = metrics_lib.best(np.array(counts))
    images = result.details["curve"]["images"]
    assert [images[name]["threshold"] for name in "0123"] == metrics_lib.thresholds(9)[
        best
    ].tolist()
    low, high = result.intervals["ODS"]
    assert low <= result.metrics["ODS"] <= high


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_and_order_change_no_byte(workers):
    alone = edges.evaluate(maps(), ceval=True, **FEW)
    others = edges.evaluate(reversed(maps()), ceval=True, workers=workers, **FEW)
    assert json.dumps(alone) == json.dumps(others)


def test_workers_do_without_tensorflow():
    code = "import sys, tfvse.evaluation.edge_counts; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ceval_is_stricter_with_wide_lines():
    annotation = np.zeros((30, 30), bool)
    annotation[15] = True
    rows = np.arange(30)[:, None] - 15
    wide = np.exp(-((rows / 3) ** 2)) * np.ones((30, 30))
    result = edges.evaluate([("wide", wide, [annotation])], ceval=True, **FEW)
    # At 0.1 the line is 9 pixels wide, |row| <= 3 sqrt(ln 10) = 4.6; one of them has a partner.
    # Suppressed, it is one.
    assert result.details["curve"]["precision"][0] == 1
    assert result.details["CEval/curve"]["precision"][0] == pytest.approx(1 / 9)
    assert result.metrics["crispness"] == pytest.approx(
        1 / np.exp(-((rows / 3) ** 2)).sum(), abs=0.01
    )
    assert edges.evaluate(perfect(), ceval=True, **FEW).metrics["crispness"] == 1


def test_a_second_time_nothing_is_counted(tmp_path, monkeypatch):
    first = edges.evaluate(maps(), results_dir=tmp_path, **FEW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.json",
        "1.json",
        "2.json",
        "3.json",
    ]
    counted = []
    count = metrics_lib.counts
    monkeypatch.setattr(metrics_lib, "counts", lambda *args: counted.append(args) or count(*args))
    assert edges.evaluate(maps(), results_dir=tmp_path, **FEW) == first and not counted
    (tmp_path / "2.json").write_text("{")  # a damaged file, a changed map, a changed setting
    changed = [(name, m if name != "1" else m / 2, a) for name, m, a in maps()]
    edges.evaluate(changed, results_dir=tmp_path, **FEW)
    assert len(counted) == 2
    edges.evaluate(changed, results_dir=tmp_path, **{**FEW, "max_distance": 0.04})
    assert len(counted) == 6


def altered(data):
    return data.replace(b"[", b"[1, ", 1)


@pytest.mark.parametrize(
    "damage", [altered, lambda data: b"[" * 100_000, lambda data: b"[]", lambda data: b"\xff"]
)
def test_counts_that_were_altered_are_counted_again(tmp_path, damage):
    first = edges.evaluate(maps(), results_dir=tmp_path, **FEW)
    (tmp_path / "2.json").write_bytes(damage((tmp_path / "2.json").read_bytes()))
    assert edges.evaluate(maps(), results_dir=tmp_path, **FEW) == first


def test_long_names_of_other_alphabets_are_kept_too(tmp_path):
    _, edge_map, annotations = next(iter(maps()))
    named = [("\u00e9" * 120, edge_map, annotations)]
    first = edges.evaluate(named, results_dir=tmp_path, **FEW)
    assert len(list(tmp_path.iterdir())) == 1
    assert edges.evaluate(named, results_dir=tmp_path, **FEW) == first


def test_nothing_marked_scores_nothing():
    found = edges.evaluate(
        [("a", np.zeros((8, 8)), [np.eye(8, dtype=bool)])], ceval=True, **FEW
    ).metrics
    assert set(found.values()) == {0}


@pytest.mark.parametrize(
    ("edge_map", "annotations", "sentence"),
    [
        (np.full((6, 6), np.nan), [np.eye(6) > 0], "NaN"),
        (np.full((6, 6), 1.5), [np.eye(6) > 0], "between 0 and 1"),
        (np.full((6, 6), -0.1), [np.eye(6) > 0], "between 0 and 1"),
        (np.zeros((6, 6, 1)), [np.eye(6) > 0], "height, width"),
        (np.zeros((6, 5)), [np.zeros((5, 6), bool)], "5 x 6 pixels and its annotation 6 x 5"),
        (np.zeros((6, 6)), [np.zeros((6, 6), bool)], "annotation is empty"),
        (np.zeros((6, 6)), [], "annotation is empty"),
    ],
)
def test_bad_maps_are_told(edge_map, annotations, sentence):
    with pytest.raises(UserError, match=f"hat: .*{sentence}"):
        edges.evaluate([("hat", edge_map, annotations)])


def test_no_maps_and_two_of_a_name():
    with pytest.raises(UserError, match="no edge maps"):
        edges.evaluate([])
    with pytest.raises(UserError, match="two edge maps"):
        edges.evaluate([*perfect(1), *perfect(1)], **FEW)


def test_report_and_images(tmp_path):
    result = edges.evaluate(maps(), ceval=True, **FEW)
    Report("some", "bsds500", "val", **result._asdict()).write(tmp_path / "report.json")
    curves = {"some": result.details["curve"], "CEval": result.details["CEval/curve"]}
    for path in (
        boundaries.precision_recall(tmp_path / "curve.png", curves, "Some"),
        boundaries.edge_sheet(tmp_path / "sheet.png", maps(2), "Some"),
    ):
        assert path.read_bytes().startswith(b"\x89PNG")
