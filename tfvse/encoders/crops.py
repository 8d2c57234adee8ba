"""One feature from several views of an image: what is small in the whole is large in a part of it.

Six views, as in the ten crops of Krizhevsky et al. (NIPS 2012), but of the whole image rather than
of its middle: the whole at half the size, its mirror image, and the four quarters as they are.
"""

import keras
from keras import ops

SCALE = 2  # the image's size over a view's


def network(
    encoder: keras.Model,
    name: str,
) -> keras.Model:
    """Makes the network that averages an encoder's features of six views.

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
    for top in (0, size):
        for left in (0, size):
            views.append(inputs[:, top : top + size, left : left + size])

    features = encoder(keras.layers.Concatenate(axis=0, name="views")(views))
    per_view = ops.reshape(features, [len(views), -1, features.shape[-1]])
    return keras.Model(inputs, ops.mean(per_view, axis=0), name=name)
