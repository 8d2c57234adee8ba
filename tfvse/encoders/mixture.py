"""The hybrid Gaussian-Laplacian mixture model, HGLMM.

B. Klein, G. Lev, G. Sadeh, L. Wolf, "Associating neural word embeddings with deep image
representations using Fisher vectors", CVPR 2015. Expectation-maximisation fits it to weighted
points. A component is a product over the dimensions, each either a Gaussian or a Laplacian:

    p_k(x) = prod_d  exp(-(x_d - c_kd)² / 2 s_kd²) / (sqrt(2 pi) s_kd)
                 or  exp(-|x_d - c_kd| / s_kd) / (2 s_kd)

The best Gaussian of a dimension has the weighted mean for its centre c and the standard deviation
for its scale s. The best Laplacian has the weighted median and the mean distance to it. The
likelier of the two is taken, so no step of the algorithm lowers the likelihood.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from tfvse.typing import Array

# Least scale of a component over the dimension's standard deviation: one frequent word must not be
# all of a component.
LEAST_SCALE = 0.1
MOST_STEPS = 100  # of the algorithm
ENOUGH = 1e-4  # it ends when the mean log likelihood rises by less


@dataclasses.dataclass(frozen=True)
class Mixture:
    """K components in D dimensions.

    Attributes:
      weights: float [K], positive, their sum is 1.
      gaussian: bool [K, D], where a dimension is Gaussian; the others are Laplacian.
      centers: float [K, D].
      scales: float [K, D], positive.
    """

    weights: Array
    gaussian: Array
    centers: Array
    scales: Array

    @property
    def log_factors(self) -> Array:
        """Logarithms of the weights times the factors before the exponentials, float [K]."""
        widths = np.where(self.gaussian, np.sqrt(2.0 * np.pi), 2.0) * self.scales
        return np.log(self.weights) - np.log(widths).sum(axis=1)

    def expectation(self, points: Array) -> tuple[Array, Array]:
        """Tells how likely points are, and which components they belong to.

        Args:
          points: float [N, D].

        Returns:
          (log likelihoods float [N], the components' responsibilities float [N, K]).
        """
        columns = []
        for factor, exponents in zip(self.log_factors, self._exponents(points), strict=True):
            columns.append(factor - exponents)
        joint = np.stack(columns, axis=1)
        highest = joint.max(axis=1, keepdims=True)
        shares = np.exp(joint - highest)
        total = shares.sum(axis=1, keepdims=True)
        return (highest + np.log(total))[:, 0], shares / total

    def _exponents(self, points: Array) -> Iterator[Array]:
        """What stands in the exponentials of each component, summed over dimensions: float [N]."""
        for gaussian, center, scale in zip(self.gaussian, self.centers, self.scales, strict=True):
            z = (points - center) / scale
            yield np.where(gaussian, np.square(z) / 2.0, np.abs(z)).sum(axis=1)


def fit(
    points: Array,
    counts: Array,
    components: int,
    seed: int = 0,
) -> Mixture:
    """Finds the mixture under which `points` are likely.

    Args:
      points: float [N, D], different ones.
      counts: positive [N], how often each of them is there.
      components: K, at most N.
      seed: of the points that the components begin at.
    """
    points = points.astype(np.float64)
    order = np.argsort(points, axis=0)
    least = least_scales(points, counts)
    nearest = _nearest(points, _seeds(points, counts, components, seed))
    mixture = maximization(points, order, nearest, counts, least)

    before = -np.inf
    for _ in range(MOST_STEPS):
        likelihoods, responsibilities = mixture.expectation(points)
        now = np.average(likelihoods, weights=counts)
        if now - before < ENOUGH:
            break
        mixture = maximization(points, order, responsibilities, counts, least)
        before = now
    return mixture


def least_scales(
    points: Array,
    counts: Array,
) -> Array:
    """Gives what no scale falls below.

    Args:
      points: float [N, D].
      counts: positive [N], how often each of them is there.

    Returns:
      float [D].
    """
    mean = np.average(
        points,
        axis=0,
        weights=counts,
    )
    deviation = np.sqrt(
        np.average(
            np.square(points - mean),
            axis=0,
            weights=counts,
        )
    )
    return LEAST_SCALE * np.maximum(deviation, 1e-6)


def maximization(
    points: Array,
    order: Array,
    responsibilities: Array,
    counts: Array,
    least: Array,
) -> Mixture:
    """Finds the likeliest mixture for given responsibilities.

    Args:
      points: float [N, D].
      order: int [N, D], `np.argsort(points, axis=0)`.
      responsibilities: float [N, K], rows of sum 1.
      counts: float [N].
      least: float [D], bound of the scales.
    """
    shares = responsibilities * np.asarray(counts, np.float64)[:, None]
    totals = np.maximum(shares.sum(axis=0), 1e-12)
    gaussian = []
    centers = []
    scales = []
    for share, total in zip(shares.T, totals, strict=True):
        is_gaussian, center, scale = _component(points, order, share / total, least)
        gaussian.append(is_gaussian)
        centers.append(center)
        scales.append(scale)
    weights = totals / totals.sum()
    return Mixture(weights, np.stack(gaussian), np.stack(centers), np.stack(scales))


def _component(
    points: Array,
    order: Array,
    share: Array,
    least: Array,
) -> tuple[Array, Array, Array]:
    """The likelier kind of every dimension, its centre and its scale.

    Args:
      points, order, least: as of `maximization`.
      share: float [N], of sum 1.

    Returns:
      (bool [D], whether it is Gaussian; centre float [D]; scale float [D]).
    """
    mean = share @ points
    variance = share @ np.square(points - mean)
    deviation = np.maximum(np.sqrt(variance), least)
    median = _median(points, order, share)
    distance = share @ np.abs(points - median)
    spread = np.maximum(distance, least)

    # Minus the mean log likelihood under either.
    as_gaussian = np.log(np.sqrt(2.0 * np.pi) * deviation) + variance / (2.0 * np.square(deviation))
    as_laplacian = np.log(2.0 * spread) + distance / spread
    gaussian = as_gaussian <= as_laplacian
    return gaussian, np.where(gaussian, mean, median), np.where(gaussian, deviation, spread)


def _median(
    points: Array,
    order: Array,
    share: Array,
) -> Array:
    """In every dimension the first point up to which there is at least half of the shares: [D]."""
    passed = np.cumsum(share[order], axis=0)
    rank = (passed >= passed[-1] / 2.0).argmax(axis=0)
    columns = np.arange(points.shape[1])
    return points[order[rank, columns], columns]


def _seeds(
    points: Array,
    counts: Array,
    components: int,
    seed: int,
) -> Array:
    """Points far from each other, drawn by their squared distances: float [K, D].

    k-means++ (Arthur and Vassilvitskii, 2007).
    """
    rng = np.random.default_rng(seed)
    counts = np.asarray(counts, np.float64)
    chosen = [rng.choice(len(points), p=counts / counts.sum())]
    nearest = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < components:
        chances = nearest * counts
        chosen.append(rng.choice(len(points), p=chances / chances.sum()))
        distances = np.square(points - points[chosen[-1]]).sum(axis=1)
        nearest = np.minimum(nearest, distances)
    return points[chosen]


def _nearest(
    points: Array,
    seeds: Array,
) -> Array:
    """Responsibility 1 of the nearest seed for each point: float [N, K]."""
    distances = np.stack([np.square(points - seed).sum(axis=1) for seed in seeds], axis=1)
    return np.eye(len(seeds))[distances.argmin(axis=1)]
