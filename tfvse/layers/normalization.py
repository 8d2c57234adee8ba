"""Normalisation layers that give the same result on one device as on several."""

from typing import Any

import keras


def instance_normalization(
    affine: bool = False,
    **kwargs: Any,
) -> keras.layers.Layer:
    """Makes a layer that normalises each channel of each image over height and width.

    Source: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization"
    (2016). The layer is Keras' group normalisation with one channel a group. Epsilon is 1e-5, as
    in the reference implementation of CycleGAN. Mean and variance are computed in float32
    whatever the precision of the layer.

    Args:
      affine: True adds a trainable scale and offset for each channel.
      **kwargs: passed to the layer (`name`, `dtype`).

    Returns:
      Keras layer, float [B, H, W, C] → float [B, H, W, C].

    Example:
      Two pixels of values 1 and 3 have mean 2 and deviation 1:

      >>> from keras import ops
      >>> from tfvse.layers import instance_normalization
      >>> image = ops.array([[[[1.0], [3.0]]]])
      >>> print(ops.convert_to_numpy(instance_normalization()(image)).ravel().round(3))
      [-1.  1.]
    """
    return keras.layers.GroupNormalization(
        groups=-1,
        epsilon=1e-5,
        scale=affine,
        center=affine,
        **kwargs,
    )


def batch_normalization(**kwargs: Any) -> keras.layers.Layer:
    """Makes Keras' batch normalisation with the statistics of the batch over all replicas.

    With Keras' momentum of 0.99 the statistics for inference are those of the last few hundred
    batches. Training of only a few hundred steps needs a momentum of about 0.9.

    Args:
      **kwargs: passed to the layer (`momentum`, `name`, `dtype`).

    Returns:
      Keras layer, float [B, …, C] → float [B, …, C].

    Example:
      >>> from keras import ops
      >>> from tfvse.layers import batch_normalization
      >>> layer = batch_normalization(epsilon=1e-6)
      >>> normalized = layer(ops.array([[1.0], [3.0]]), training=True)
      >>> print(ops.convert_to_numpy(normalized).ravel().round(3))
      [-1.  1.]
    """
    # Other backends have no replicas in this sense and refuse the argument.
    synchronized = keras.backend.backend() == "tensorflow"
    return keras.layers.BatchNormalization(synchronized=synchronized, **kwargs)
