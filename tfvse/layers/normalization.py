"""Normalisation layers that give the same on one device as on several."""

import keras


def instance_normalization(affine=False, **kwargs):
    """Normalises every channel of every picture by its own mean and variance over height and width.

    It is Keras' group normalisation with one channel a group, and epsilon 1e-5 as in the reference of CycleGAN (Ulyanov
    et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016). Mean and variance are taken in
    float32 whatever the precision of the layer.

    Args:
      affine: True gives each channel a trainable scale and offset after the normalisation, False neither.
      **kwargs: passed to the layer (`name`, `dtype`).

    Returns:
      A keras layer [B, H, W, C] → [B, H, W, C].
    """
    return keras.layers.GroupNormalization(
        groups=-1, epsilon=1e-5, scale=affine, center=affine, **kwargs
    )


def batch_normalization(**kwargs):
    """Keras' batch normalisation, whose mean and variance are those of the batch over all replicas.

    With Keras' momentum of 0.99 the mean and variance for inference are those of the last few hundred batches; a
    training of a few hundred steps wants 0.9.

    Args:
      **kwargs: passed to the layer (`momentum`, `name`, `dtype`).

    Returns:
      A keras layer [B, …, C] → [B, …, C].
    """
    # Other backends have no replicas in this sense, and refuse the setting.
    return keras.layers.BatchNormalization(
        synchronized=keras.backend.backend() == "tensorflow", **kwargs
    )
