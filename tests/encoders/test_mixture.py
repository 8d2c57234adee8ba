"""The Gaussian-Laplacian mixture: by hand, on data of known components, and what EM must do."""

import numpy as np
import scipy.stats

from tfvse.encoders import mixture
from tfvse.encoders.mixture import Mixture


def drawn(count=4000, seed=0):
    """Points of two components: Gaussian and Laplacian, then Laplacian and Gaussian."""
    rng = np.random.default_rng(seed)
    first = np.stack([rng.normal(0, 1, count), rng.laplace(5, 0.5, count)], axis=1)
    second = np.stack([rng.laplace(8, 2, count // 3), rng.normal(-4, 0.7, count // 3)], axis=1)
    return np.concatenate([first, second])


def test_likelihood_of_a_point_is_scipys():
    found = Mixture(
        np.array([0.25, 0.75]),
        np.array([[True, False], [False, True]]),
        np.array([[0.0, 1.0], [2.0, -1.0]]),
        np.array([[1.0, 2.0], [0.5, 3.0]]),
    )
    x, normal, laplace = np.array([[0.3, -0.7]]), scipy.stats.norm.pdf, scipy.stats.laplace.pdf
    first, second = (
        normal(0.3, 0, 1) * laplace(-0.7, 1, 2),
        laplace(0.3, 2, 0.5) * normal(-0.7, -1, 3),
    )
    joint = np.array([0.25 * first, 0.75 * second])
    likelihood, responsibilities = found.expectation(x)
    np.testing.assert_allclose(likelihood, np.log(joint.sum()))
    np.testing.assert_allclose(responsibilities[0], joint / joint.sum())


def test_maximization_by_hand():
    # Counts 1, 1, 2 of the points 0, 3, 4: mean 11/4, median 3, mean distance to it
    # (3 + 0 + 2) / 4 = 5/4.
    points = np.array([[0.0], [3.0], [4.0]])
    arguments = points, points.argsort(axis=0), np.ones([3, 1]), np.array([1, 1, 2])
    found = mixture.maximization(*arguments, least=np.array([0.1]))
    # Variance (121/16 + 1/16 + 2 · 25/16) / 4 = 43/16: log √(2π 43/16) + ½ = 1.913.
    # Laplacian: log(5/2) + 1 = 1.916.
    assert found.gaussian[0, 0] and found.weights == [1.0]
    np.testing.assert_allclose(
        [found.centers[0, 0], found.scales[0, 0]], [11 / 4, np.sqrt(43 / 16)]
    )
    # One point more at the median makes the Laplacian likelier: its mean distance is 5/5.
    found = mixture.maximization(
        points, arguments[1], np.ones([3, 1]), np.array([1, 2, 2]), least=np.array([0.1])
    )
    assert not found.gaussian[0, 0]
    np.testing.assert_allclose([found.centers[0, 0], found.scales[0, 0]], [3.0, 1.0])


def test_no_step_lowers_the_likelihood():
    rng, points = np.random.default_rng(1), drawn(300)
    counts = rng.integers(1, 20, len(points))
    order, least, likelihoods = points.argsort(axis=0), mixture.least_scales(points, counts), []
    responsibilities = rng.dirichlet(np.ones(5), len(points))
    for _ in range(25):
        found = mixture.maximization(points, order, responsibilities, counts, least)
        each, responsibilities = found.expectation(points)
        likelihoods.append(np.average(each, weights=counts))
    assert np.diff(likelihoods).min() > -1e-10 and likelihoods[-1] > likelihoods[0] + 0.1


def test_known_components_are_found():
    found = mixture.fit(drawn(), np.ones(len(drawn())), 2)
    order = found.centers[:, 0].argsort()
    np.testing.assert_allclose(found.weights[order], [0.75, 0.25], atol=0.02)
    np.testing.assert_array_equal(found.gaussian[order], [[True, False], [False, True]])
    np.testing.assert_allclose(found.centers[order], [[0, 5], [8, -4]], atol=0.2)
    np.testing.assert_allclose(found.scales[order], [[1, 0.5], [2, 0.7]], rtol=0.1)


def test_counts_are_repetitions():
    points = drawn(60)
    counts = np.random.default_rng(0).integers(1, 5, len(points))
    responsibilities = np.random.default_rng(1).dirichlet(np.ones(3), len(points))
    least = mixture.least_scales(points, counts)
    once = mixture.maximization(points, points.argsort(axis=0), responsibilities, counts, least)
    repeated, again = np.repeat(points, counts, axis=0), np.repeat(responsibilities, counts, axis=0)
    many = mixture.maximization(
        repeated, repeated.argsort(axis=0), again, np.ones(len(repeated)), least
    )
    for name in ("weights", "gaussian", "centers", "scales"):
        np.testing.assert_allclose(getattr(once, name), getattr(many, name), err_msg=name)


def test_a_single_frequent_point_is_not_all_of_a_component():
    points = np.concatenate([np.zeros([1, 2]), drawn(200)])
    counts = np.array([5000, *np.ones(len(points) - 1)])
    found = mixture.fit(points, counts, 4)
    assert (found.scales >= mixture.least_scales(points, counts) - 1e-12).all()
    assert np.isfinite(found.expectation(points)[0]).all()
