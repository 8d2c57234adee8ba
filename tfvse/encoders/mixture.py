"""The hybrid Gaussian-Laplacian mixture model, HGLMM, fitted by expectation-maximisation to weighted points.

B. Klein, G. Lev, G. Sadeh, L. Wolf, "Associating neural word embeddings with deep image representations using Fisher
vectors", CVPR 2015. A component is a product over the dimensions, each of them either a Gaussian or a Laplacian:

    p_k(x) = prod_d  exp(-(x_d - c_kd)² / 2 s_kd²) / (sqrt(2 pi) s_kd)   or   exp(-|x_d - c_kd| / s_kd) / (2 s_kd)

The best Gaussian of a dimension has the weighted mean for its centre c and the standard deviation for its scale s, the
best Laplacian the weighted median and the mean distance to it; the likelier of the two is taken, so that no step of the
algorithm lowers the likelihood.
"""

import dataclasses

import numpy as np

LEAST_SCALE = 0.1  # of a component, over the dimension's standard deviation: one frequent word must not be all of it
MOST_STEPS, ENOUGH = (
    100,
    1e-4,
)  # of the algorithm; it ends when the mean log likelihood rises by less than this


@dataclasses.dataclass(frozen=True)
class Mixture:
    """K components in D dimensions.

    Attributes:
      weights: float [K], positive, their sum is 1.
      gaussian: bool [K, D], where a dimension is Gaussian; the others are Laplacian.
      centers: float [K, D].
      scales: float [K, D], positive.
    """

    weights: np.ndarray
    gaussian: np.ndarray
    centers: np.ndarray
    scales: np.ndarray

    @property
    def log_factors(self):
        """float [K]: logarithm of a component's weight times the factors before its exponentials."""
        widths = np.where(self.gaussian, np.sqrt(2.0 * np.pi), 2.0) * self.scales
        return np.log(self.weights) - np.log(widths).sum(axis=1)

    def expectation(self, points):
        """Log likelihoods float [N] of points [N, D], and the components' responsibilities for them, float [N, K]."""
        joint = np.stack(
            [
                factor - np.where(gaussian, np.square(z) / 2.0, np.abs(z)).sum(axis=1)
                for factor, gaussian, z in zip(
                    self.log_factors, self.gaussian, self._standardised(points), strict=True
                )
            ],
            axis=1,
        )
        highest = joint.max(axis=1, keepdims=True)
        shares = np.exp(joint - highest)
        total = shares.sum(axis=1, keepdims=True)
        return (highest + np.log(total))[:, 0], shares / total

    def _standardised(self, points):
        return (
            (points - center) / scale
            for center, scale in zip(self.centers, self.scales, strict=True)
        )


def fit(points: np.ndarray, counts: np.ndarray, components: int, seed: int = 0) -> Mixture:
    """The mixture that `points` are likely under.

    Args:
      points: float [N, D], different ones.
      counts: positive [N], how often each of them is there.
      components: K, at most N.
      seed: of the points that the components begin at.
    """
    points = points.astype(np.float64)
    order, least = np.argsort(points, axis=0), least_scales(points, counts)
    mixture = maximization(
        points, order, _nearest(points, _seeds(points, counts, components, seed)), counts, least
    )
    before = -np.inf
    for _ in range(MOST_STEPS):
        likelihoods, responsibilities = mixture.expectation(points)
        now = np.average(likelihoods, weights=counts)
        if now - before < ENOUGH:
            break
        mixture, before = maximization(points, order, responsibilities, counts, least), now
    return mixture


def least_scales(points, counts):
    """float [D]: what no scale falls below, for points [N, D] that occur `counts` [N] times."""
    mean = np.average(points, axis=0, weights=counts)
    deviation = np.sqrt(np.average(np.square(points - mean), axis=0, weights=counts))
    return LEAST_SCALE * np.maximum(deviation, 1e-6)


def maximization(points, order, responsibilities, counts, least) -> Mixture:
    """The likeliest mixture for given responsibilities.

    Args:
      points: float [N, D].
      order: int [N, D], `np.argsort(points, axis=0)`.
      responsibilities: float [N, K], rows of sum 1.
      counts: float [N].
      least: float [D], bound of the scales.
    """
    shares = responsibilities * np.asarray(counts, np.float64)[:, None]
    totals = np.maximum(shares.sum(axis=0), 1e-12)
    parts = [
        _component(points, order, share / total, least)
        for share, total in zip(shares.T, totals, strict=True)
    ]
    gaussian, centers, scales = (np.stack(arrays) for arrays in zip(*parts, strict=True))
    return Mixture(totals / totals.sum(), gaussian, centers, scales)


def _component(points, order, share, least):
    """The likelier kind of every dimension, its centre and its scale, [D] each; share: float [N], of sum 1."""
    mean = share @ points
    variance = share @ np.square(points - mean)
    deviation = np.maximum(np.sqrt(variance), least)
    median = _median(points, order, share)
    distance = share @ np.abs(points - median)
    spread = np.maximum(distance, least)
    as_gaussian = np.log(np.sqrt(2.0 * np.pi) * deviation) + variance / (2.0 * np.square(deviation))
    as_laplacian = np.log(2.0 * spread) + distance / spread
    gaussian = as_gaussian <= as_laplacian
    return gaussian, np.where(gaussian, mean, median), np.where(gaussian, deviation, spread)


def _median(points, order, share):
    """In every dimension the first point up to which there is at least half of the shares."""
    passed = np.cumsum(share[order], axis=0)
    rank = (passed >= passed[-1] / 2.0).argmax(axis=0)
    columns = np.arange(points.shape[1])
    return points[order[rank, columns], columns]


def _seeds(points, counts, components, seed):
    """Points far from each other, drawn by their squared distances (k-means++, Arthur and Vassilvitskii, 2007)."""
    rng, counts = np.random.default_rng(seed), np.asarray(counts, np.float64)
    chosen = [rng.choice(len(points), p=counts / counts.sum())]
    nearest = np.square(points - points[chosen[0]]).sum(axis=1)
    while len(chosen) < components:
        chosen.append(rng.choice(len(points), p=nearest * counts / (nearest * counts).sum()))
        nearest = np.minimum(nearest, np.square(points - points[chosen[-1]]).sum(axis=1))
    return points[chosen]


def _nearest(points, seeds):
    """Responsibility 1 of the nearest seed for each point: float [N, K]."""
    distances = np.stack([np.square(points - seed).sum(axis=1) for seed in seeds], axis=1)
    return np.eye(len(seeds))[distances.argmin(axis=1)]
