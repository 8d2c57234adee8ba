"""The difference of a reconstructed image and the image that it should be."""

from keras import ops

from tfvse.typing import Tensor


def absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    """|prediction - target|: the L1 norm of eqs. 8.2, 8.9 and 8.11 before its mean is taken.

    Args:
      prediction: float tensor of any shape.
      target: float tensor of the same shape.

    Returns:
      float32 of the same shape, unreduced.

    Example:
      >>> from keras import ops
      >>> from tfvse.losses import absolute_error
      >>> errors = absolute_error(ops.array([1.0, -1.0]), ops.array([0.0, 1.0]))
      >>> print(ops.convert_to_numpy(errors))
      [1. 2.]
    """
    prediction = ops.cast(prediction, "float32")
    target = ops.cast(target, "float32")
    return ops.abs(prediction - target)
