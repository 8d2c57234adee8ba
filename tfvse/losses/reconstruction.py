"""How far a reconstructed picture is from the picture it should be."""

from keras import ops


def absolute_error(prediction, target):
    """|prediction - target|, the L1 norm of eqs. 8.2, 8.9 and 8.11 before its mean is taken.

    Args:
      prediction, target: float tensors of one shape.

    Returns:
      float32 of the same shape, unreduced.
    """
    return ops.abs(ops.cast(prediction, "float32") - ops.cast(target, "float32"))
