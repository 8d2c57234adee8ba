"""One feature from several views of a picture: what is small in the whole is large in a part of it.

Six views, as in the ten crops of Krizhevsky et al. (NIPS 2012) but of the whole picture rather than of its middle: the
whole, made half as large, its mirror image, and the four quarters as they are.
"""

import keras
from keras import ops

SCALE = 2  # the picture's size over a view's


def network(encoder: keras.Model, name: str) -> keras.Model:
    """The mean of an encoder's features of six views.

    Args:
      encoder: float [B, S, S, 3] → [B, D].
      name: of the network.

    Returns:
      Model float [B, 2S, 2S, 3] → [B, D].
    """
    size = encoder.input_shape[1]
    inputs = keras.Input([SCALE * size, SCALE * size, 3], name="image")
    whole = keras.layers.AveragePooling2D(SCALE, name="whole")(inputs)
    views = [whole, ops.flip(whole, axis=2)]
    views += [
        inputs[:, top : top + size, left : left + size] for top in (0, size) for left in (0, size)
    ]
    features = encoder(keras.layers.Concatenate(axis=0, name="views")(views))
    mean = ops.mean(ops.reshape(features, [len(views), -1, features.shape[-1]]), axis=0)
    return keras.Model(inputs, mean, name=name)
