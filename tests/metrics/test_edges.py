import os
import pathlib

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import linear_sum_assignment

from tfvse.data.formats.boundaries import read_annotations
from tfvse.metrics import edges

FIXTURE = pathlib.Path(os.environ.get("TFVSE_DATA", "")) / "bsds500" / "bench_fixture"


def image(values, shape=(5, 5), dtype=np.uint8):
    """`values` is {(row, column): value}."""
    found = np.zeros(shape, dtype)
    for place, value in values.items():
        found[place] = value
    return found


def drawn(*places, shape=(5, 5)):
    return image(dict.fromkeys(places, True), shape, bool)


# The diagonal of 5 x 5 pixels is 7.07; 0.15 of it is 1.06, so that partners touch by a side or
# coincide.
SMALL = {"count": 3, "max_distance": 0.15}
# Row 1: the edges (1, 1), (1, 2) lie on and beside the first annotator's (1, 0), (1, 1). To pair
# the coinciding pixels leaves (1, 2) alone; one step to the left pairs both. The second annotator's
# (3, 3) has the edge (3, 4) beside it, and (4, 0) has none; the edge (4, 2) is 1.41 from (3, 3),
# too far.
EDGES = image({(1, 1): 255, (1, 2): 255, (3, 4): 128, (4, 2): 100})
ANNOTATIONS = [drawn((1, 0), (1, 1)), drawn((3, 3), (4, 0))]
COUNTS = [
    [3, 4, 3, 4],
    [3, 4, 3, 3],
    [2, 4, 2, 2],
]  # at 1/4 all edges, at 1/2 not (4, 2), at 3/4 those of row 1


def test_five_by_five_by_hand():
    np.testing.assert_array_equal(edges.counts(EDGES, ANNOTATIONS, **SMALL), COUNTS)


def test_summary_by_hand():
    # Recall 3/4, 3/4, 1/2; precision 3/4, 1, 1; the best F is 2 * 3/4 * 1 / (7/4) = 6/7, at the
    # second threshold.
    # AP: from recall 0.5 (precision 1) to 0.75 (3/4, of the lowest threshold): 26 steps,
    # 26 - 0.01 * 325 = 22.75.
    # Precision never falls to 0.5: R50 is the recall at the lowest, 3/4.
    found = edges.summary(np.array(COUNTS), np.array(COUNTS[1]))
    assert edges.best(np.array([COUNTS])) == [1]
    assert found == pytest.approx({"ODS": 6 / 7, "OIS": 6 / 7, "AP": 0.2275, "R50": 0.75})


def test_the_best_f_is_sought_between_thresholds():
    # From R 1, P 0 to R 0, P 1 the line R + P = 1 has its best F at 1/2, near the middle of the
    # hundred places.
    total = np.array([[10, 10, 0, 10], [0, 10, 10, 10]])
    assert edges.summary(total, total[0])["ODS"] == pytest.approx(0.5, abs=1e-4)


def test_of_equal_thresholds_the_last_is_the_best():
    assert edges.best(np.array([[[1, 2, 1, 2], [1, 2, 1, 2], [0, 2, 0, 2]]])) == [1]


def test_recall_at_a_precision_of_half():
    # Precision 1/4, 3/4 at recall 1, 1/2: halfway between, 3/4. The last threshold marks nothing
    # and is no point.
    total = np.array([[4, 4, 1, 4], [2, 4, 3, 4], [0, 4, 0, 0]])
    assert edges.summary(total, total[0])["R50"] == pytest.approx(0.75)
    assert edges.summary(total[:1], total[0])["R50"] == 0


def test_the_nearer_edge_gets_the_partner():
    # (2, 2) and (2, 3) both want the first annotator's (2, 2); the second's (2, 1) is near (2, 2)
    # alone. Were the first partner (2, 3), two edges would be right.
    edge_map = image({(2, 2): 255, (2, 3): 255})
    found = edges.counts(edge_map, [drawn((2, 2)), drawn((2, 1))], count=1, max_distance=0.15)
    assert found.tolist() == [[2, 2, 1, 2]]


def test_as_many_pairs_as_a_dense_assignment_finds():
    rng = np.random.default_rng(0)
    for _ in range(20):
        edge_map, annotation = (
            255 * (rng.random((12, 17)) < 0.3).astype(np.uint8),
            rng.random((12, 17)) < 0.2,
        )
        reach = rng.uniform(1, 3)
        pairs = np.argwhere(edge_map)[:, None] - np.argwhere(annotation)
        near = np.hypot(*np.moveaxis(pairs, -1, 0)) <= reach
        rows, columns = linear_sum_assignment(near, maximize=True)
        expected = near[rows, columns].sum()
        (found,) = edges.counts(edge_map, [annotation], 1, reach / np.hypot(12, 17), thin=False)
        assert found.tolist() == [expected, annotation.sum(), expected, (edge_map > 0).sum()]


def test_a_perfect_map_is_right_at_every_threshold():
    line = drawn(*((3, x) for x in range(20)), shape=(20, 20))
    total = edges.counts(255 * line.astype(np.uint8), [line, line], count=9)
    recall, precision, f = edges.scores(total)
    assert (recall == 1).all() and (precision == 1).all() and (f == 1).all()


def test_turned_and_mirrored_images_count_the_same():
    # The matching's size is unique; of one annotator, what is right is as much as what is found.
    rng = np.random.default_rng(1)
    edge_map, annotation = (
        rng.integers(0, 256, (20, 20), dtype=np.uint8),
        rng.random((20, 20)) < 0.2,
    )
    expected = edges.counts(edge_map, [annotation], 9, 0.1, thin=False)
    for turn in (np.fliplr, np.flipud, np.transpose, np.rot90):
        np.testing.assert_array_equal(
            edges.counts(turn(edge_map), [turn(annotation)], 9, 0.1, thin=False), expected
        )


def test_nothing_marked_and_nothing_drawn():
    nothing = np.zeros((5, 5), np.uint8)
    assert edges.counts(nothing, ANNOTATIONS, 2).tolist() == [[0, 4, 0, 0]] * 2
    total = edges.counts(EDGES, [nothing > 0], 2)
    assert total.tolist() == [[0, 0, 0, 4], [0, 0, 0, 2]]
    assert edges.summary(total, total[0]) == {"ODS": 0, "OIS": 0, "AP": 0, "R50": 0}


def test_wide_lines_are_thinned():
    # A bar of 3 x 9 pixels beside the line along its middle: without thinning, two of three edge
    # pixels are alone.
    bar = image({}, (9, 15))
    bar[3:6, 3:12] = 255
    middle = drawn(*((4, x) for x in range(3, 12)), shape=(9, 15))
    thin, wide = (edges.counts(bar, [middle], 1, 0.01, thin=thin)[0] for thin in (True, False))
    assert wide.tolist() == [9, 9, 9, 27]
    assert thin[3] < 10 and thin[2] == thin[3]


def test_crispness():
    assert edges.crispness(np.full((2, 2), 0.5), np.eye(2) / 2) == 0.5
    assert np.isnan(edges.crispness(np.zeros((2, 2)), np.zeros((2, 2))))


@pytest.mark.skipif(not FIXTURE.is_dir(), reason="no BSDS500 in TFVSE_DATA")
def test_the_benchmarks_own_fixture():
    counts = []
    for path in sorted((FIXTURE / "png").iterdir()):
        annotations = read_annotations(FIXTURE / "groundTruth" / f"{path.stem}.mat")
        counts.append(edges.counts(np.asarray(Image.open(path)), annotations, count=5))
    counts = np.array(counts)
    threshold, *_, f = np.loadtxt(FIXTURE / "expected" / "eval_bdry_thr.txt").T
    np.testing.assert_allclose(edges.thresholds(5), threshold, atol=1e-6)
    np.testing.assert_allclose(edges.scores(counts.sum(0))[2], f, atol=4e-4)
    chosen = counts[np.arange(5), edges.best(counts)].sum(0)
    *_, ods, _, _, ois, ap = np.loadtxt(FIXTURE / "expected" / "eval_bdry.txt")
    found = edges.summary(counts.sum(0), chosen)
    assert [found[name] for name in ("ODS", "OIS", "AP")] == pytest.approx([ods, ois, ap], abs=4e-4)
