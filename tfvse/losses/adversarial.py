"""Adversarial losses: least squares (LSGAN, Mao et al. 2017; thesis eq. 8.1) and cross-entropy."""

from keras import ops

REAL = 1.0
FAKE = 0.0
UNSURE = 0.5  # neither: what one wants to hear from a discriminator of two domains that can no longer tell


def least_squares(scores, label):
    """Squared distance of a discriminator's scores to a label.

    Eq. 8.1, which the discriminator minimises, is the mean of `least_squares(real, REAL)` plus the mean of
    `least_squares(fake, FAKE)`. The generator minimises `least_squares(fake, REAL)`: it wants the other label, and its
    gradient does not fade while the discriminator wins.

    Args:
      scores: float tensor of any shape, unbounded (no sigmoid before it).
      label: `REAL` or `FAKE`.

    Returns:
      float32 of the same shape, unreduced.
    """
    return ops.square(ops.cast(scores, "float32") - label)


def cross_entropy(scores, label):
    """How badly a discriminator's probability D = sigmoid(score) fits a label.

    Eq. 4 of A3VSE (Huang et al., MM 2019), mean log D(a) + mean log(1 - D(b)), is what discriminators of two domains
    maximise. They minimise its negative, the mean of `cross_entropy(scores of a, REAL)` plus the mean of
    `cross_entropy(scores of b, FAKE)`.

    Args:
      scores: float tensor of any shape, before the sigmoid.
      label: `REAL`, `FAKE` or `UNSURE`, the mean of both (the domain confusion of Tzeng et al., ICCV 2015).

    Returns:
      float32 of the same shape, unreduced, not negative; log 2 for a score of 0, which is the least for `UNSURE`.
    """
    scores = ops.cast(scores, "float32")
    return ops.softplus(scores) - label * scores
