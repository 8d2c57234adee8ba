"""Fusion modules: layers that turn S side outputs of one shape into one feature of that shape.

Source: chapter 2 of the thesis, section 2.2.1 (3) and figure 2.5. Wider kernels and weights that
depend on the input are the two improvements that section 2.5 leaves open.

Each layer takes a list of S tensors [B, *field] and returns [B, *field]. `field` is (K,) for a
vector of K channels and (H, W, C) for maps.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfvse.layers.upsampling import resize
from tfvse.typing import Shape, Tensor


class LocallyConnectedFusion(keras.layers.Layer):
    """Fusion with separate weights for every element of the field (figure 2.5c, eq. 2.3).

        fused[i] = activation(Σ_s kernel[i, s] · side_outputs[s][i] + bias[i])

    The layer has prod(field) · (S + 1) parameters. The kernel [*field, S] starts at 1 / S, the
    mean of the side outputs; the bias [*field] starts at 0.

    With kernel_size = w > 1 (the 1×2 and 1×3 kernels of section 2.5), an element also sees its
    neighbours along the last axis, and zeros beyond the ends. Two taps see the element and the
    next channel; three taps also see the previous one. The kernel is then [*field, w * S], tap by
    tap. Weights of neighbours start at 0, so that training still begins at the mean. Channels have
    no order before training: the network learns which of them work together.

    Args:
      activation: name of a Keras activation, or None for none.
      kernel_size: number of taps w.

    Call arguments:
      side_outputs: list of S tensors, float [B, *field].

    Returns:
      float [B, *field].

    Example:
      The weights start at 1 / 2 each, the mean of two side outputs:

      >>> from keras import ops
      >>> from tfvse.layers import LocallyConnectedFusion
      >>> fusion = LocallyConnectedFusion()
      >>> side_outputs = [ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]
      >>> print(ops.convert_to_numpy(fusion(side_outputs)))
      [[2. 4.]]
      >>> tuple(fusion.kernel.shape)
      (2, 2)
    """

    def __init__(
        self,
        activation: str | None = "relu",
        kernel_size: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.kernel_size = kernel_size

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates kernel and bias for S shapes (B, *field)."""
        self.branches = len(input_shape)
        field = tuple(input_shape[0][1:])
        taps = self.kernel_size * self.branches
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.weights_shape(field), taps),
            initializer=self._mean_of_side_outputs,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=self.bias_shape(field),
            initializer="zeros",
        )

    def _mean_of_side_outputs(
        self,
        shape: Shape,
        dtype: str | None = None,
    ) -> Tensor:
        """Initial kernel [*field, w * S]: 1 / S at the tap of the element itself, 0 elsewhere."""
        own = (self.kernel_size - 1) // 2
        own = ops.full((1,), own, "int32")
        taps = ops.one_hot(own, self.kernel_size, dtype=dtype)
        taps = taps / self.branches
        kernel = ops.repeat(taps[0], self.branches)
        return ops.broadcast_to(kernel, shape)

    def weights_shape(self, field: Shape) -> Shape:
        """The shape over which the kernel varies; it is broadcast against `field`."""
        return field

    def bias_shape(self, field: Shape) -> Shape:
        """The shape over which the bias varies; it is broadcast against `field`."""
        return self.weights_shape(field)

    def call(self, side_outputs: Sequence[Tensor]) -> Tensor:
        """Fuses S side outputs, each float of the shape [B, *field], into one like them."""
        stacked = ops.stack(side_outputs, axis=-1)
        return self.fuse(stacked, self.kernel)

    def fuse(
        self,
        stacked: Tensor,
        kernel: Tensor,
    ) -> Tensor:
        """Computes the weighted sum with bias and activation.

        Args:
          stacked: the side outputs, float of the shape [B, *field, S].
          kernel: float [*field, w * S], or [B, *field, w * S] with weights for each example; a
            side of `field` may be 1.

        Returns:
          float of the shape [B, *field].
        """
        neighbours = self._with_neighbours(stacked)
        fused = ops.sum(neighbours * kernel, axis=-1)

        # Broadcast explicitly: LiteRT's converter fails on a bias of one number before a fully
        # connected layer.
        field = ops.shape(fused)[1:]
        bias = ops.broadcast_to(self.bias, field)
        return self.activation(fused + bias)

    def _with_neighbours(self, stacked: Tensor) -> Tensor:
        """Puts the neighbours of each channel beside it: […, K, S] → […, K, w * S]."""
        if self.kernel_size == 1:
            return stacked

        before = (self.kernel_size - 1) // 2
        after = self.kernel_size - 1 - before
        border = [(0, 0)] * len(stacked.shape)
        border[-2] = (before, after)
        padded = ops.pad(stacked, border)

        taps = []
        channels = stacked.shape[-2]
        for tap in range(self.kernel_size):
            shifted = padded[..., tap : tap + channels, :]
            taps.append(shifted)
        return ops.concatenate(taps, axis=-1)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """S shapes (B, *field) → (B, *field)."""
        return input_shape[0]

    def branch_weights(self) -> tuple[Tensor, Tensor]:
        """How much each side output counts (figure 2.8).

        Returns:
          Mean and standard deviation over the field of each side output's weight, summed over its
          taps; float32 [S] each.
        """
        kernel = ops.cast(self.kernel, "float32")
        kernel = ops.reshape(kernel, (-1, self.kernel_size, self.branches))
        weights = ops.sum(kernel, axis=1)
        mean = ops.mean(weights, axis=0)
        deviation = ops.std(weights, axis=0)
        return mean, deviation

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "kernel_size": self.kernel_size,
        }


class GridFusion(LocallyConnectedFusion):
    """Locally-connected fusion of maps that also takes other sizes than it was built for.

    The kernel [H, W, C, S] is a map of weights (eqs. 2.7, 2.8 and 2.10). At another size it is
    resized bilinearly, as is the bias. So the weights of a place in the image stay at that place.

    Call arguments:
      side_outputs: list of S tensors, float [B, h, w, C], of any one size.

    Returns:
      float [B, h, w, C].

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import GridFusion
      >>> fusion = GridFusion()
      >>> fusion.build([(None, 4, 4, 2)] * 3)
      >>> tuple(fusion([ops.ones((1, 6, 5, 2))] * 3).shape)
      (1, 6, 5, 2)
    """

    def call(self, side_outputs: Sequence[Tensor]) -> Tensor:
        """Fuses S side outputs [B, h, w, C]."""
        kernel = self.kernel
        bias = self.bias

        # Sizes that are not known while a graph is traced compare as different too.
        if side_outputs[0].shape[1:3] != kernel.shape[:2]:
            size = ops.shape(side_outputs[0])[1:3]
            kernel = self._resized(kernel, size)
            bias = self._resized(bias[..., None], size)
            bias = bias[..., 0]

        stacked = ops.stack(side_outputs, axis=-1)
        fused = ops.sum(stacked * kernel, axis=-1)
        return self.activation(fused + bias)

    def _resized(
        self,
        weights: Tensor,
        size: Sequence[int | Tensor],
    ) -> Tensor:
        """Resizes weights [H, W, C, n] to [h, w, C, n] for `size` (h, w)."""
        height, width, channels, count = weights.shape
        flat = ops.reshape(weights, (1, height, width, channels * count))
        flat = resize(flat, size)
        return ops.reshape(flat, (*size, channels, count))


class ConvolutionFusion(LocallyConnectedFusion):
    """Fusion by one 1×1×S filter and bias for the whole field (figure 2.5b): S + 1 parameters.

    Arguments and results are those of `LocallyConnectedFusion`.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import ConvolutionFusion
      >>> fusion = ConvolutionFusion()
      >>> tuple(fusion([ops.ones((1, 8, 8, 16))] * 3).shape)
      (1, 8, 8, 16)
      >>> fusion.count_params()
      4
    """

    def weights_shape(self, field: Shape) -> Shape:
        """(1,): the weights do not vary over the field."""
        return (1,)


class ConditionedFusion(LocallyConnectedFusion):
    """Locally-connected fusion whose weights also depend on the input (section 2.5).

        fused[i] = activation(Σ_s (kernel[i, s] + change[s]) · side_outputs[s][i] + bias[i])
        change   = D · z + d

    z holds all side outputs [S * K] of the example, maps averaged first, scaled to length 1.

    The chapter names only the idea (dynamic filters). This layer predicts one number for each
    example and branch. Weights for each element would take (S · K)² parameters instead of
    S · (S · K + 1). D and d start at 0, so that training begins as with locally-connected fusion.
    The change of a branch applies to all its taps. `branch_weights` leaves the change out.

    Without the scaling to length 1 one step moves `change` by the squared length of the side
    outputs. CFN-11 then stayed at chance for 60 steps on drawn shapes
    (configs/smoke/cfn_imagenet.cfg, 83.3 % error). With it the error was 27.5 %, and 25.8 % with
    locally-connected fusion (one run each).

    Arguments and results are those of `LocallyConnectedFusion`.

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import ConditionedFusion
      >>> side_outputs = [ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])]
      >>> print(ops.convert_to_numpy(ConditionedFusion()(side_outputs)))
      [[2. 4.]]
    """

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates kernel, bias, and the dense layer with D [S * K, S] and d [S]."""
        super().build(input_shape)
        self.dense = keras.layers.Dense(
            self.branches,
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
        )
        channels = input_shape[0][-1]
        self.dense.build((None, self.branches * channels))

    def call(self, side_outputs: Sequence[Tensor]) -> Tensor:
        """Fuses S side outputs, each float of the shape [B, *field], into one like them."""
        pooled = [_spatial_mean(side) for side in side_outputs]
        whole = ops.concatenate(pooled, axis=-1)
        whole = ops.normalize(whole, axis=-1)
        change = self.dense(whole)
        change = ops.tile(change, (1, self.kernel_size))

        # [B, w * S] → [B, 1 …, w * S]: the same change at every place of the field.
        taps = self.kernel_size * self.branches
        shape = [1] * (len(side_outputs[0].shape) + 1)
        shape[0] = -1
        shape[-1] = taps
        change = ops.reshape(change, shape)

        stacked = ops.stack(side_outputs, axis=-1)
        return self.fuse(stacked, self.kernel + change)


def _spatial_mean(features: Tensor) -> Tensor:
    """Averages maps [B, …, C] over their places: [B, C]. Vectors [B, C] stay as they are."""
    places = range(1, len(features.shape) - 1)
    if not places:
        return features
    return ops.mean(features, axis=tuple(places))


# Fusion modules by the name that settings give them.  Sum fusion (figure 2.5a) has no weights.
FUSIONS: dict[str, type[keras.layers.Layer]] = {
    "sum": keras.layers.Add,
    "convolution": ConvolutionFusion,
    "locally_connected": LocallyConnectedFusion,
    "conditioned": ConditionedFusion,
}


def make_fusion(
    name: str,
    kernel_size: int = 1,
) -> keras.layers.Layer | None:
    """Makes a fusion module in float32 by the name that settings give it.

    Args:
      name: key of `FUSIONS`, or "none".
      kernel_size: taps of modules with weights; sum fusion has none and ignores it.

    Returns:
      Keras layer; None for "none".

    Example:
      >>> from tfvse.layers import make_fusion
      >>> make_fusion("locally_connected", kernel_size=3).kernel_size
      3
      >>> make_fusion("none") is None
      True
    """
    if name == "none":
        return None
    if name == "sum":
        return FUSIONS[name](dtype="float32")
    return FUSIONS[name](dtype="float32", kernel_size=kernel_size)
