"""Layers of the backward pass: what they give is what they get, but not the gradient."""

from keras import ops


def reverse_gradient(inputs, scale):
    """The gradient reversal layer of Ganin and Lempitsky (ICML 2015): x forwards, -scale · gradient backwards.

    Args:
      inputs: float tensor of any shape.
      scale: number or scalar tensor, such as the γ that grows in training.

    Returns:
      Tensor of the same shape and dtype, equal to `inputs`. No gradient reaches `scale`.
    """
    scale = ops.stop_gradient(ops.cast(scale, inputs.dtype))
    # The bracket is exactly 0, so that nothing is rounded; its slope -(1 + scale) and the slope 1 of x leave -scale.
    return inputs + (1 + scale) * (ops.stop_gradient(inputs) - inputs)
