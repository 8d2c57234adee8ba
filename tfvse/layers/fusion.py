"""Fusion modules: layers that turn S side outputs of one shape into one fused feature of that shape.

Source: chapter 2 of the thesis, section 2.2.1 (3) and figure 2.5; wider kernels and weights that depend on the input
are the two improvements that section 2.5 leaves open. Each layer takes a list of S tensors [batch, *field] of one
shape and returns [batch, *field]; `field` is (K,) for a vector of K channels and (height, width, channels) for maps.
"""

import keras
from keras import ops

from tfvse.layers.upsampling import resize


class LocallyConnectedFusion(keras.layers.Layer):
    """Weights of its own for every element of the field (figure 2.5c, eq. 2.3): prod(field) · (S + 1) parameters.

        fused[i] = activation(Σ_s kernel[i, s] · side_outputs[s][i] + bias[i])

    The kernel [*field, S] starts at 1 / S, the mean of the side outputs (0.333 for three); the bias [*field] at 0.

    With kernel_size = w > 1 (the 1×2 and 1×3 kernels of section 2.5) an element also sees its neighbours in the last
    axis, zeros beyond the ends: of two taps itself and the next channel, of three the one before as well. The kernel is
    then [*field, w · S], tap by tap; neighbours start at 0, so that training begins at the same mean. Channels have no
    order before training: which of them work together is learnt.
    """

    def __init__(self, activation="relu", kernel_size=1, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.kernel_size = kernel_size

    def build(self, input_shape):
        self.branches = len(input_shape)
        field = tuple(input_shape[0][1:])
        taps = self.kernel_size * self.branches
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.weights_shape(field), taps),
            initializer=self._mean_of_side_outputs,
        )
        self.bias = self.add_weight(name="bias", shape=self.bias_shape(field), initializer="zeros")

    def _mean_of_side_outputs(self, shape, dtype=None):
        own = (self.kernel_size - 1) // 2
        taps = (
            ops.one_hot(ops.full((1,), own, "int32"), self.kernel_size, dtype=dtype) / self.branches
        )
        return ops.broadcast_to(ops.repeat(taps[0], self.branches), shape)

    def weights_shape(self, field: tuple[int, ...]) -> tuple[int, ...]:
        """The shape over which weights differ, broadcast against `field`."""
        return field

    def bias_shape(self, field: tuple[int, ...]) -> tuple[int, ...]:
        """The same for the bias."""
        return self.weights_shape(field)

    def call(self, side_outputs):
        return self.fuse(ops.stack(side_outputs, axis=-1), self.kernel)

    def fuse(self, stacked, kernel):
        """Weighs side outputs, [batch, *field, S], with a kernel [(batch,) *field or 1, w · S]."""
        fused = ops.sum(self._with_neighbours(stacked) * kernel, axis=-1)
        # Spelt out, since LiteRT's converter stumbles over a bias of one number before a fully connected layer.
        return self.activation(fused + ops.broadcast_to(self.bias, ops.shape(fused)[1:]))

    def _with_neighbours(self, stacked):
        """[…, K, S] → […, K, w · S]."""
        if self.kernel_size == 1:
            return stacked
        before, channels = (self.kernel_size - 1) // 2, stacked.shape[-2]
        border = [(0, 0)] * (len(stacked.shape) - 2) + [
            (before, self.kernel_size - 1 - before),
            (0, 0),
        ]
        padded = ops.pad(stacked, border)
        return ops.concatenate(
            [padded[..., tap : tap + channels, :] for tap in range(self.kernel_size)], axis=-1
        )

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def branch_weights(self):
        """Mean over the field of each side output's weight, summed over its taps, and its deviation (figure 2.8).

        Returns:
          (mean, deviation), float32 [S] each.
        """
        kernel = ops.reshape(
            ops.cast(self.kernel, "float32"), (-1, self.kernel_size, self.branches)
        )
        return ops.mean(ops.sum(kernel, axis=1), axis=0), ops.std(ops.sum(kernel, axis=1), axis=0)

    def get_config(self):
        own = {
            "activation": keras.activations.serialize(self.activation),
            "kernel_size": self.kernel_size,
        }
        return super().get_config() | own


class GridFusion(LocallyConnectedFusion):
    """Locally-connected fusion of maps, [B, H, W, C] each, that also takes other sizes than it was built for.

    The kernel [H, W, C, S] is a picture of weights (eqs. 2.7, 2.8 and 2.10): at another size it is resized bilinearly,
    as is the bias, so that the weights of a place in the field stay with that place in the field.
    """

    def call(self, side_outputs):
        kernel, bias = self.kernel, self.bias
        if side_outputs[0].shape[1:3] != kernel.shape[:2]:  # or unknown before it runs
            size = ops.shape(side_outputs[0])[1:3]
            kernel, bias = self._at(kernel, size), self._at(bias[..., None], size)[..., 0]
        return self.activation(ops.sum(ops.stack(side_outputs, axis=-1) * kernel, axis=-1) + bias)

    def _at(self, weights, size):
        """Weights [H, W, C, n] → [*size, C, n]."""
        channels = tuple(weights.shape[2:])
        flat = ops.reshape(weights, (1, *weights.shape[:2], channels[0] * channels[1]))
        return ops.reshape(resize(flat, size), (*size, *channels))


class ConvolutionFusion(LocallyConnectedFusion):
    """One 1×1×S filter and bias shared by the whole field (figure 2.5b): S + 1 parameters."""

    def weights_shape(self, field):
        return (1,)


class ConditionedFusion(LocallyConnectedFusion):
    """Locally-connected fusion whose weights also depend on the input (the dynamic filters of section 2.5).

        fused[i] = activation(Σ_s (kernel[i, s] + change[s]) · side_outputs[s][i] + bias[i])
        change   = D · z + d        of each example, z = [side_outputs[1] … side_outputs[S]] scaled to length 1

    The chapter names the idea only. Chosen here: one number for each example and branch, from one dense layer over all
    side outputs (maps are averaged first), since weights for each element would take (S · K)² parameters instead of
    S · (S · K + 1). D and d start at 0, so that training begins as locally-connected fusion does. The change of a
    branch goes to all its taps. Without the unit length a step moves `change` by the squared length of the side
    outputs: CFN-11 then stayed at chance in 60 steps on drawn shapes (configs/smoke/cfn_imagenet.cfg, 83.3 % error);
    with it the error was 27.5 %, of locally-connected fusion 25.8 % (one run each). `branch_weights` leave the change
    out.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.dense = keras.layers.Dense(
            self.branches, kernel_initializer="zeros", dtype=self.dtype_policy
        )
        self.dense.build((None, self.branches * input_shape[0][-1]))

    def call(self, side_outputs):
        pooled = [
            ops.mean(side, axis=tuple(range(1, len(side.shape) - 1)))
            for side in map(_as_maps, side_outputs)
        ]
        whole = ops.normalize(ops.concatenate(pooled, axis=-1), axis=-1)
        change = ops.tile(self.dense(whole), (1, self.kernel_size))
        places = (1,) * (len(side_outputs[0].shape) - 1)
        change = ops.reshape(change, (-1, *places, self.kernel_size * self.branches))
        return self.fuse(ops.stack(side_outputs, axis=-1), self.kernel + change)


def _as_maps(features):
    return features[:, None] if len(features.shape) == 2 else features


# The settings' names of the fusion modules. Sum fusion (figure 2.5a) has no weights.
FUSIONS = {
    "sum": keras.layers.Add,
    "convolution": ConvolutionFusion,
    "locally_connected": LocallyConnectedFusion,
    "conditioned": ConditionedFusion,
}


def make_fusion(name, kernel_size=1):
    """The module `FUSIONS[name]` in float32; None for "none". Only modules with weights know a kernel size."""
    if name == "none":
        return None
    weighted = {} if name == "sum" else {"kernel_size": kernel_size}
    return FUSIONS[name](dtype="float32", **weighted)
