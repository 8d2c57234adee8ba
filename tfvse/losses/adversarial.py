"""The least squares adversarial loss (LSGAN, Mao et al. 2017; thesis eq. 8.1)."""

from keras import ops

REAL = 1.0
FAKE = 0.0


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
