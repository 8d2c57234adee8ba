"""Image encoders made of `keras.applications`; Keras downloads the weights once."""

from typing import Any

import keras
import tensorflow as tf

from tfvse.encoders.image_base import ImageEncoder, resized
from tfvse.errors import UserError

# Pixels of the smaller side of ResNet-152's input, Liu's thesis, section 6.4.1 and reference [53].
SMALLER_SIDE = 512
LONGEST_SIDE = 4 * SMALLER_SIDE  # a longer and thinner image is squeezed to it
_SIDE = 224  # pixels, height and width of the others' input
_CAFFE_MEAN = (123.68, 116.779, 103.939)  # red, green, blue


def resnet50() -> ImageEncoder:
    """ResNet-50 at 224 pixels, bicubic; the last feature map averaged; 2048 dimensions."""
    shape = (_SIDE, _SIDE, 3)
    network = _application(
        "ResNet50",
        include_top=False,
        pooling="avg",
        input_shape=shape,
    )

    def prepare(image: tf.Tensor) -> tf.Tensor:
        """uint8 [h, w, 3] → float32 [224, 224, 3]."""
        pixels = resized(image, _SIDE, "bicubic")
        return _caffe(tf.clip_by_value(pixels, 0.0, 255.0))

    return ImageEncoder("resnet50", 2048, prepare, network, _SIDE)


def resnet152() -> ImageEncoder:
    """ResNet-152 at a smaller side of 512; the last feature map averaged; 2048 dimensions.

    As in Liu's thesis, section 6.4.1.
    """
    shape = (None, None, 3)
    network = _application(
        "ResNet152",
        include_top=False,
        pooling="avg",
        input_shape=shape,
    )

    def prepare(image: tf.Tensor) -> tf.Tensor:
        """uint8 [h, w, 3] → float32 [H, W, 3]."""
        return _caffe(_smaller_side(image))

    return ImageEncoder("resnet152", 2048, prepare, network, None)


def vgg19() -> ImageEncoder:
    """VGG-19 at 224 pixels: second fully connected layer after its ReLU; 4096 dimensions."""
    whole = _application("VGG19", include_top=True)
    network = keras.Model(whole.input, whole.get_layer("fc2").output, name="vgg19")

    def prepare(image: tf.Tensor) -> tf.Tensor:
        """uint8 [h, w, 3] → float32 [224, 224, 3]."""
        return _caffe(resized(image, _SIDE))

    return ImageEncoder("vgg19", 4096, prepare, network, _SIDE)


def _application(name: str, **arguments: Any) -> keras.Model:
    """The network `name` of `keras.applications` with its ImageNet weights."""
    try:
        return getattr(keras.applications, name)(weights="imagenet", **arguments)
    except Exception as error:
        # keras.utils.get_file raises this bare class when there is no network.
        raise UserError(
            f"The ImageNet weights of {name} could not be downloaded to ~/.keras/models ({error}): "
            "connect to the network once, or copy the file there from another machine."
        ) from None


def _caffe(pixels: tf.Tensor) -> tf.Tensor:
    """RGB in 0 to 255 → the zero-centred BGR that the original Caffe networks read."""
    centred = pixels - tf.constant(_CAFFE_MEAN)
    return centred[..., ::-1]


def _smaller_side(image: tf.Tensor) -> tf.Tensor:
    """Scales uint8 [h, w, 3] to a smaller side of `SMALLER_SIDE`: float32 [H, W, 3]."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    scaled = tf.round(size * SMALLER_SIDE / tf.reduce_min(size))
    bounded = tf.cast(tf.minimum(scaled, LONGEST_SIDE), tf.int32)
    return tf.image.resize(image, bounded, "bilinear", antialias=True)
