"""Adversarial losses: least squares (LSGAN, Mao et al. 2017; thesis eq. 8.1) and cross-entropy."""

from keras import ops

from tfvse.typing import Tensor

REAL = 1.0
FAKE = 0.0
UNSURE = 0.5  # what a discriminator of two domains answers when it can no longer tell them apart


def least_squares(scores: Tensor, label: float) -> Tensor:
    """Squared difference of a discriminator's scores and a label.

    Eq. 8.1, which the discriminator minimises, is the mean of `least_squares(real, REAL)` plus the
    mean of `least_squares(fake, FAKE)`. The generator minimises `least_squares(fake, REAL)`. With
    the swapped label its gradient does not fade while the discriminator wins.

    Args:
      scores: float tensor of any shape, unbounded (no sigmoid before it).
      label: `REAL` or `FAKE`.

    Returns:
      float32 of the same shape, unreduced.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import REAL, least_squares
      >>> print(ops.convert_to_numpy(least_squares(ops.array([0.0, 0.5, 1.0]), REAL)))
      [1.   0.25 0.  ]
    """
    scores = ops.cast(scores, "float32")
    return ops.square(scores - label)


def cross_entropy(scores: Tensor, label: float) -> Tensor:
    """Cross-entropy of a discriminator's probability D = sigmoid(score) and a label.

    Discriminators of two domains a and b maximise mean log D(a) + mean log(1 - D(b)), eq. 4 of
    A3VSE (Huang et al., MM 2019). Here they minimise its negative: the mean of
    `cross_entropy(scores of a, REAL)` plus the mean of `cross_entropy(scores of b, FAKE)`.

    Args:
      scores: float tensor of any shape, before the sigmoid.
      label: `REAL`, `FAKE` or `UNSURE`. The loss of `UNSURE` is the mean of the other two, the
        domain confusion of Tzeng et al. (ICCV 2015).

    Returns:
      float32 of the same shape, unreduced, at least 0. A score of 0 costs log 2, the minimum for
      `UNSURE`.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import FAKE, cross_entropy
      >>> print(ops.convert_to_numpy(cross_entropy(ops.array([-9.0, 0.0]), FAKE)).round(3))
      [0.    0.693]
    """
    scores = ops.cast(scores, "float32")
    return ops.softplus(scores) - label * scores
