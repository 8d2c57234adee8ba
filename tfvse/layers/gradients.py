"""Layers of the backward pass: they return their input and change its gradient."""

from keras import ops

from tfvse.typing import Tensor


def reverse_gradient(
    inputs: Tensor,
    scale: float | Tensor,
) -> Tensor:
    """The gradient reversal layer of Ganin and Lempitsky (ICML 2015).

    Forwards it is the identity; backwards it multiplies the gradient by -scale.

    Args:
      inputs: float tensor of any shape.
      scale: number or scalar tensor, such as the γ that grows during training.

    Returns:
      Tensor of the same shape and dtype, equal to `inputs`. No gradient reaches `scale`.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import reverse_gradient
      >>> print(ops.convert_to_numpy(reverse_gradient(ops.array([1.0, -2.0]), scale=0.5)))
      [ 1. -2.]
    """
    scale = ops.stop_gradient(ops.cast(scale, inputs.dtype))

    # The difference is exactly 0, so nothing is rounded.  Its slope, -(1 + scale), and the slope 1
    # of `inputs` add up to -scale.
    nothing = ops.stop_gradient(inputs) - inputs
    return inputs + (1 + scale) * nothing
