import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfvse.losses import ranking

SIMILARITIES = np.array([[0.9, 0.85, 0.3], [0.2, 0.5, 0.45], [0.6, 0.1, 0.4]], "float32")
DIAGONAL = np.eye(3, dtype=bool)


def naive_hinge(similarities, positives, margin, k):
    losses = []
    for i, row in enumerate(similarities):
        hardest = np.sort(row[~positives[i]])[::-1][:k]
        losses.append(np.maximum(0.0, margin - row[i] + hardest).sum())
    return np.array(losses)


def random_pairs(seed, batch=7):
    generator = np.random.default_rng(seed)
    ids = generator.integers(0, 4, batch)
    return generator.uniform(-1, 1, (batch, batch)).astype("float32"), ids[:, None] == ids[None, :]


def test_cosine_similarities_by_hand():
    # (3, 4)·(4, 3) / 25 = 24 / 25; (3, 4)·(-3, -4) / 25 = -1; the zero vector has no direction.
    found = ops.convert_to_numpy(
        ranking.cosine_similarities(
            ops.array([[3.0, 4.0]]), ops.array([[4.0, 3.0], [-3.0, -4.0], [0.0, 0.0]])
        )
    )
    np.testing.assert_allclose(found, [[0.96, -1.0, 0.0]], atol=1e-6)


def test_mean_cosine_by_hand():
    # directions (1, 0), (0, 1), (1, 0): cosines 0, 1, 0 over three pairs
    found = ranking.mean_cosine(ops.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]))
    np.testing.assert_allclose(ops.convert_to_numpy(found), 1 / 3, rtol=1e-6)
    collapsed = ranking.mean_cosine(ops.array([[1.0, 2.0]] * 4))
    np.testing.assert_allclose(ops.convert_to_numpy(collapsed), 1.0, rtol=1e-6)


def test_same_label_marks_captions_of_one_image():
    found = ops.convert_to_numpy(ranking.same_label(ops.array([7, 3, 7])))
    np.testing.assert_array_equal(found, [[1, 0, 1], [0, 1, 0], [1, 0, 1]])


def test_top_k_hinge_by_hand():
    # row 0: 0.1 - 0.9 + 0.85 = 0.05, 0.1 - 0.9 + 0.3 < 0         → 0.05
    # row 1: 0.1 - 0.5 + 0.45 = 0.05, 0.1 - 0.5 + 0.2 < 0         → 0.05
    # row 2: 0.1 - 0.4 + 0.6  = 0.3,  0.1 - 0.4 + 0.1 < 0         → 0.3
    found = ranking.top_k_hinge(ops.array(SIMILARITIES), ops.array(DIAGONAL), 0.1, 2)
    np.testing.assert_allclose(ops.convert_to_numpy(found), [0.05, 0.05, 0.3], atol=1e-6)


def test_top_k_ranking_loss_by_hand():
    # columns, one negative each:
    # 0.1 - 0.9 + 0.6 < 0 → 0;  0.1 - 0.5 + 0.85 = 0.45;  0.1 - 0.4 + 0.45 = 0.15
    # loss = rows + 2 · columns = [0.05 + 0, 0.05 + 0.9, 0.3 + 0.3]
    found = ranking.top_k_ranking_loss(ops.array(SIMILARITIES), ops.array(DIAGONAL), 0.1, 1, 2.0)
    np.testing.assert_allclose(ops.convert_to_numpy(found), [0.05, 0.95, 0.6], atol=1e-6)


def test_captions_of_one_image_are_no_negatives():
    # Pairs 0 and 1 share an image: row 0 keeps 0.3 (satisfied), row 1 0.45 (costs 0.05), row 2 0.6
    # (0.3).
    positives = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], bool)
    found = ranking.top_k_hinge(ops.array(SIMILARITIES), ops.array(positives), 0.1, 1)
    np.testing.assert_allclose(ops.convert_to_numpy(found), [0.0, 0.05, 0.3], atol=1e-6)


def test_more_negatives_than_the_batch_has_are_all_of_them():
    all_of_them = ranking.top_k_hinge(ops.array(SIMILARITIES), ops.array(DIAGONAL), 0.5, 2)
    too_many = ranking.top_k_hinge(ops.array(SIMILARITIES), ops.array(DIAGONAL), 0.5, 50)
    np.testing.assert_array_equal(ops.convert_to_numpy(too_many), ops.convert_to_numpy(all_of_them))


@given(st.integers(0, 10**6), st.integers(1, 8), st.floats(0, 1))
def test_top_k_hinge_equals_a_sorted_loop(seed, k, margin):
    similarities, positives = random_pairs(seed)
    found = ranking.top_k_hinge(ops.array(similarities), ops.array(positives), margin, k)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), naive_hinge(similarities, positives, margin, k), atol=1e-5
    )


def test_collapsed_embedding_costs_exactly_the_margins():
    # Every similarity is 1, so each of K negatives costs the margin both ways:
    # (1 + 2) · 3 · 0.1 = 0.9.
    points = ops.ones((8, 5))
    similarities = ranking.cosine_similarities(points, points)
    found = ranking.top_k_ranking_loss(similarities, ops.eye(8, dtype="bool"), 0.1, 3, 2.0)
    np.testing.assert_allclose(ops.convert_to_numpy(found), np.full(8, 0.9), rtol=1e-5)


def test_separated_pairs_cost_nothing():
    found = ranking.top_k_ranking_loss(ops.eye(4), ops.eye(4, dtype="bool"), 0.1, 3, 2.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), np.zeros(4))


@pytest.mark.parametrize("name", ["top_k", "bi_rank"])
def test_gradient_equals_finite_differences(name):
    tf = pytest.importorskip("tensorflow")
    similarities, positives = random_pairs(3)

    def total(values):
        if name == "top_k":
            return ops.sum(ranking.top_k_ranking_loss(values, ops.array(positives), 0.1, 3, 2.0))
        within = 0.5 * ops.transpose(values)
        return ops.sum(ranking.bi_rank_loss(values, within, ops.array(positives), 0.1, 3, 1.0, 0.5))

    values = tf.constant(similarities)
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = total(values)
    gradient = tape.gradient(loss, values).numpy()
    for i, j in [(0, 0), (2, 5), (6, 1), (4, 4)]:
        step = np.zeros_like(similarities)
        step[i, j] = 1e-3
        slope = (
            total(ops.array(similarities + step)) - total(ops.array(similarities - step))
        ) / 2e-3
        np.testing.assert_allclose(gradient[i, j], slope, atol=2e-2)


def test_bi_rank_loss_by_hand():
    # Row 0: pair .9, hardest negative .5 in column 2, margin .6: .6 - .9 + .5 = .2; within the
    # modality s(0, 2) = .7 gives .4. Row 1: pair .4, hardest .3 in column 0: .5; within .1: .3.
    # Row 2 has no negative: 0.
    cross = np.array([[0.9, 0.2, 0.5], [0.3, 0.4, 0.1], [0.0, 0.0, 0.8]], np.float32)
    within = np.array([[1.0, 0.1, 0.7], [0.1, 1.0, 0.0], [0.7, 0.0, 1.0]], np.float32)
    positives = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1]], bool)
    losses = ranking.bi_rank_loss(cross, within, positives, 0.6, 1, 1.0, 0.5)
    np.testing.assert_allclose(losses, [0.2 + 0.5 * 0.4, 0.5 + 0.5 * 0.3, 0.0], atol=1e-6)


def test_bi_rank_loss_without_its_second_term_is_the_bidirectional_one():
    rng = np.random.default_rng(0)
    cross, within, positives = (
        rng.uniform(-1, 1, (9, 9)),
        rng.uniform(-1, 1, (9, 9)),
        np.eye(9, dtype=bool),
    )
    found = ranking.bi_rank_loss(cross, within, positives, 0.2, 4, 1.0, 0.0)
    np.testing.assert_allclose(found, ranking.top_k_hinge(cross, positives, 0.2, 4), rtol=1e-6)
