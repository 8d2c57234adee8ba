import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tfvse.index.fusion import late_fusion


def test_average_fusion_by_hand():
    found = late_fusion([ops.array([[0.2, 0.4]]), ops.array([[0.6, -0.4]])], "average")
    np.testing.assert_allclose(ops.convert_to_numpy(found), [[0.4, 0.0]], atol=1e-6)


def test_adaptive_fusion_by_hand():
    # Positive areas 0.2 + 0.4 = 0.6 and 0.3 (the -0.4 is left out): weights 1/0.6 : 1/0.3, so 1/3
    # and 2/3.
    found = late_fusion([ops.array([[0.2, 0.4]]), ops.array([[0.3, -0.4]])], "adaptive")
    np.testing.assert_allclose(ops.convert_to_numpy(found), [[0.8 / 3, -0.4 / 3]], atol=1e-6)


def test_adaptive_weights_belong_to_the_query():
    # The second query's areas are equal, so it takes the average.
    found = late_fusion(
        [ops.array([[0.2, 0.4], [0.5, 0.1]]), ops.array([[0.3, -0.4], [0.6, 0.0]])], "adaptive"
    )
    np.testing.assert_allclose(ops.convert_to_numpy(found)[1], [0.55, 0.05], atol=1e-6)


def test_a_score_that_is_nowhere_positive_takes_all_the_weight():
    found = late_fusion([ops.array([[0.9, 0.5]]), ops.array([[-0.1, -0.2]])], "adaptive")
    np.testing.assert_allclose(ops.convert_to_numpy(found), [[-0.1, -0.2]], atol=1e-5)


@given(st.integers(0, 10**6), st.sampled_from(["average", "adaptive"]))
def test_fusion_of_one_score_is_that_score_and_of_several_lies_between(seed, fusion):
    scores = np.random.default_rng(seed).uniform(-1, 1, (3, 4, 7)).astype("float32")
    np.testing.assert_allclose(late_fusion([scores[0]], fusion), scores[0], rtol=1e-5)
    fused = ops.convert_to_numpy(late_fusion(list(scores), fusion))
    assert (scores.min(0) - 1e-5 <= fused).all() and (fused <= scores.max(0) + 1e-5).all()
